"""What browsers are told about every answer, of every operation, kind and failure, and about every preflight."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from tests.support.operations import operations_of
from tests.support.uploads import ATTACHMENTS, form, upload
from tests.support.world import API, TestTenant

ORIGIN = "https://app.example"
FOREIGN = "https://evil.example"
ANYWHERE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
UNKNOWN = "01890000-0000-7000-8000-000000000000"


def faults_of(answer: httpx.Response) -> list[str]:
    """What lets a browser frame, sniff or tell on an answer, tells who made it, or makes credentials ambient."""
    faults = [name for name, value in ANYWHERE.items() if answer.headers.get_list(name) != [value]]
    policy = {part.strip() for part in answer.headers.get("Content-Security-Policy", "").split(";")}
    faults += [] if {"default-src 'none'", "frame-ancestors 'none'"} <= policy else ["Content-Security-Policy"]
    return faults + [name for name in ("Server", "X-Powered-By", "Set-Cookie") if name in answer.headers]


def filled(address: str) -> str:
    """A path template with something in each place."""
    return "/".join(UNKNOWN if "{" in part else part for part in address.split("/"))


async def test_every_operation_refuses_under_the_same_headers(app: FastAPI, http: httpx.AsyncClient) -> None:
    operations = operations_of(app)
    assert len(operations) > 100

    for operation in operations:
        answer = await http.request(operation.method, filled(operation.address), headers={"Origin": FOREIGN})
        assert faults_of(answer) == [], f"{operation.name}: {answer.status_code}"
        assert not {name for name in answer.headers if name.startswith("access-control-allow-")}, operation.name


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/assets/swagger-ui.css", "/openapi.json", "/health", "/"])
async def test_no_page_can_be_framed_or_sniffed(http: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "HEAD"):
        answer = await http.request(method, path)
        assert answer.status_code == 200
        assert faults_of(answer) == []


async def test_no_failure_can_be_framed_or_sniffed(alpha: TestTenant) -> None:
    owner = alpha.owner
    answers = {
        400: await owner.patch(f"/users/{alpha.people['member'].id}", headers={"If-Match": '"x"'}, json={}),
        401: await owner.get("/users", headers={"Authorization": "Bearer nothing"}),
        403: await alpha.people["viewer"].api.post("/users", json={}),
        404: await owner.get(f"/users/{UNKNOWN}"),
        405: await owner.request("TRACE", "/users"),
        415: await owner.post(ATTACHMENTS, **form(b"<script>alert(1)</script>", "page.html")),
        422: await owner.post("/users", json={}),
    }

    assert {status: answer.status_code for status, answer in answers.items()} == {status: status for status in answers}
    assert {status: faults_of(answer) for status, answer in answers.items()} == {status: [] for status in answers}


async def test_a_file_can_not_be_framed_sniffed_or_run(alpha: TestTenant, beta: TestTenant) -> None:
    for tenant in (alpha, beta):
        made = await upload(tenant.owner, b"plain text, as good as any", "page.txt")

        answer = await tenant.owner.get(f"{ATTACHMENTS}/{made['id']}/content")

        assert answer.status_code == 200
        assert faults_of(answer) == []
        assert "sandbox" in answer.headers["Content-Security-Policy"].split("; ")
        assert answer.headers["Content-Disposition"].startswith("attachment")


async def test_each_method_has_its_preflight_and_none_is_given_credentials(
    app: FastAPI, http: httpx.AsyncClient
) -> None:
    for operation in operations_of(app):
        asked = {"Access-Control-Request-Method": operation.method, "Access-Control-Request-Headers": "x-tenant-id"}
        address = filled(operation.address)

        allowed = await http.options(address, headers={**asked, "Origin": ORIGIN})
        foreign = await http.options(address, headers={**asked, "Origin": FOREIGN})

        assert (allowed.status_code, foreign.status_code) == (200, 400), operation.name
        assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert operation.method in allowed.headers["Access-Control-Allow-Methods"].split(", ")
        assert "Access-Control-Allow-Origin" not in foreign.headers
        for answer in (allowed, foreign):
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "Origin" in answer.headers["Vary"].split(", ")
            assert faults_of(answer) == []


async def test_a_header_nobody_declared_is_not_allowed(http: httpx.AsyncClient) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-evil"}

    answer = await http.options(f"{API}/users", headers=asked)

    assert answer.status_code == 400
    assert "x-evil" not in answer.headers["Access-Control-Allow-Headers"].lower()


async def test_a_fault_of_the_headers_is_found() -> None:
    good = {**ANYWHERE, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
    assert faults_of(httpx.Response(200, headers=good)) == []
    assert faults_of(httpx.Response(200, headers={**good, "Server": "x", "Set-Cookie": "a=b"})) == [
        "Server",
        "Set-Cookie",
    ]
    assert faults_of(httpx.Response(200)) == [*ANYWHERE, "Content-Security-Policy"]
