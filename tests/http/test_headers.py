"""The headers of every answer: its id, what may cache it, what a browser may do with it, who may read it."""

from __future__ import annotations

import re
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from tests.support.probes import watched
from tests.support.world import API, PASSWORD, TestTenant

ORIGIN = "https://app.example"
VARY = ["Authorization", "X-API-Key", "X-Tenant-ID"]


@pytest.mark.parametrize("given", ["a", "01J-req_7.x", "x" * 128])
async def test_a_safe_request_id_is_kept(http: httpx.AsyncClient, given: str) -> None:
    for path in ("/health", "/nowhere", f"{API}/auth/me"):
        answer = await http.get(path, headers={"X-Request-ID": given})
        assert answer.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 129, b"<script>", b"a\tb", b"\xe4", b"%0d%0a", b"a;b", b"{}"])
async def test_an_unsafe_request_id_is_replaced(http: httpx.AsyncClient, given: bytes) -> None:
    first, second = [await http.get("/nowhere", headers=[(b"X-Request-ID", given)]) for _ in range(2)]

    for answer in (first, second):
        assert UUID(answer.json()["request_id"]).version == 7
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "path", ["/", "/health", "/readiness", "/metrics", "/openapi.json", "/nowhere", f"{API}/users"]
)
async def test_no_answer_can_be_framed_sniffed_or_run(http: httpx.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_the_documentation_keeps_its_own_policy(http: httpx.AsyncClient) -> None:
    headers = (await http.get("/docs")).headers

    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_answers_about_a_tenant_stay_private(alpha: TestTenant) -> None:
    for api in (alpha.owner, alpha.anonymous):
        for path in ("/users", "/users/roles", "/nowhere"):
            headers = (await api.get(path)).headers
            assert headers["Cache-Control"] == "private"
            assert set(VARY) <= set(headers["Vary"].split(", "))


async def test_answers_with_secrets_are_not_stored(alpha: TestTenant) -> None:
    login = await alpha.anonymous.post("/auth/login", json={"username": "viewer", "password": PASSWORD})
    failed = await alpha.anonymous.post("/auth/login", json={})
    me = await alpha.owner.get("/auth/me")

    assert [answer.status_code for answer in (login, failed, me)] == [200, 422, 200]
    for answer in (login, failed, me):
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_304_has_the_headers_of_the_200(alpha: TestTenant) -> None:
    path = f"/users/{alpha.people['member'].id}"
    full = await alpha.owner.get(path)

    spared = await alpha.owner.get(path, headers={"If-None-Match": full.headers["ETag"]})

    assert spared.status_code == 304
    for name in ("ETag", "Vary", "Cache-Control"):
        assert spared.headers[name] == full.headers[name]


async def test_times_are_utc_and_end_in_z(alpha: TestTenant) -> None:
    """RFC 3339, with as many digits as the database keeps."""
    me = (await alpha.owner.get("/auth/me")).json()
    times = [value for part in (me["user"], me["session"]) for name, value in part.items() if name.endswith("_at")]

    assert len(times) >= 5
    for value in times:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", value)


async def test_a_preflight_needs_no_tenant_no_credential_and_no_database(app: FastAPI, http: httpx.AsyncClient) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key, if-match, x-tenant-id",
    }

    with watched(app) as traffic:
        answer = await http.options(f"{API}/users", headers=asked)

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert traffic.checkouts == 0


async def test_an_allowed_origin_may_read_answers_and_errors(alpha: TestTenant) -> None:
    for api, status in ((alpha.owner, 200), (alpha.anonymous, 401)):
        answer = await api.get("/users", headers={"Origin": ORIGIN})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert {"ETag", "Link", "Location"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert "Origin" in answer.headers["Vary"].split(", ")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://app.example", f"{ORIGIN}.evil.example", "null", "*"]
)
async def test_a_foreign_origin_may_read_nothing(alpha: TestTenant, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}

    simple = await alpha.owner.get("/users", headers={"Origin": origin})
    preflight = await alpha.anonymous.request("OPTIONS", "/users", headers=asked)

    assert "Access-Control-Allow-Origin" not in simple.headers
    assert preflight.status_code == 400
    assert "Access-Control-Allow-Origin" not in preflight.headers
