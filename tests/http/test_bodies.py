"""Hostile bodies, queries and paths: a client's fault is answered as one, never as ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support.problems import problem_of
from tests.support.raw import send_raw
from tests.support.world import API, PASSWORD, Api, TestTenant

pytestmark = pytest.mark.promise("S1")

LIMIT = 1_048_576
JSON = {"Content-Type": "application/json"}
NOT_JSON = {
    "cut off": b'{"username": "a"',
    "nested": b"[" * 100_000,
    "nested and closed": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a number of 5,000 digits": b'{"username": 1' + b"0" * 5000 + b"}",
    "bytes that are no UTF-8": b'{"username": "\xff"}',
    "a raw lone surrogate": b'{"username": "\xed\xa0\x80", "password": "x"}',
    "UTF-16": '{"username": "a", "password": "b"}'.encode("utf-16"),
    "UTF-32 without a mark": '{"username": "a", "password": "b"}'.encode("utf-32-le"),
    "a raw control character": b'{"username": "\x00"}',
    "two values": b"{} {}",
    "empty": b"",
}
WRONG_JSON = {
    "NaN": b'{"username": NaN, "password": "x"}',
    "Infinity": b'{"username": "a", "password": -Infinity}',
    "a number of 400 digits": b'{"username": 1' + b"0" * 400 + b"}",
    "NUL": b'{"username": "a\\u0000", "password": "x"}',
    "a lone surrogate": b'{"username": "\\ud800", "password": "x"}',
    "a surrogate as a name": b'{"\\ud800": 1}',
    "an array": b"[]",
    "null": b"null",
    "a string": b'"username"',
    "numbers for strings": b'{"username": 1, "password": 2}',
    "objects for strings": b'{"username": {}, "password": []}',
    "prototype": b'{"__proto__": {}, "username": "a", "password": "b"}',
}


@pytest.mark.parametrize("name", [*NOT_JSON, *WRONG_JSON])
async def test_a_hostile_body_is_the_client_s_fault(alpha: TestTenant, name: str) -> None:
    body = NOT_JSON.get(name) or WRONG_JSON.get(name, b"")

    answer = await alpha.anonymous.post("/auth/login", content=body, headers=JSON)

    known = {400: "bad_request", 422: "validation_failed"}
    assert answer.status_code in ({422} if name in WRONG_JSON else known)
    problem_of(answer, answer.status_code, known[answer.status_code])
    json.loads(answer.content.decode("utf-8", errors="strict"))


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "text/json; x"])
async def test_json_needs_its_content_type(alpha: TestTenant, content_type: str | None) -> None:
    """Without it, a page of another site could send such bodies from a browser that asks nobody before."""
    body = json.dumps({"username": "owner", "password": PASSWORD}).encode()
    headers = {"Content-Type": content_type} if content_type else {}

    problem_of(await alpha.anonymous.post("/auth/login", content=body, headers=headers), 422, "validation_failed")


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"username": "viewer", "password": "a password for the tests"}',
        b'{"username": "nobody", "username": "viewer", "password": "a password for the tests"}',
    ],
)
async def test_a_byte_order_mark_is_ignored_and_the_last_of_two_names_counts(alpha: TestTenant, body: bytes) -> None:
    answer = await alpha.anonymous.post("/auth/login", content=body, headers=JSON)

    assert (answer.status_code, answer.json()["user"]["username"]) == (200, "viewer")


@pytest.mark.promise("S7")
async def test_a_body_has_a_limit_whether_it_says_its_length_or_not(alpha: TestTenant) -> None:
    fitting = b'{"full_name": "%s"}' % (b"x" * (LIMIT - 17))
    path = f"/users/{alpha.people['member'].id}"
    assert len(fitting) == LIMIT

    async def chunks(content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), 65536):
            yield content[start : start + 65536]

    for content, status in ((fitting, 422), (fitting + b" ", 413)):
        code = {422: "validation_failed", 413: "body_too_large"}[status]
        problem_of(await alpha.owner.patch(path, content=content, headers=JSON), status, code)
        problem_of(await alpha.owner.patch(path, content=chunks(content), headers=JSON), status, code)


@pytest.mark.promise("S4")
@pytest.mark.parametrize("content", [b"{", b"x" * (LIMIT + 1)])
async def test_without_a_credential_the_body_is_not_read(app: FastAPI, alpha: TestTenant, content: bytes) -> None:
    answer = await send_raw(app, "POST", f"{API}/users", headers={**alpha.anonymous.headers, **JSON}, body=content)

    assert (answer.status, answer.json()["code"], answer.body_was_read) == (401, "unauthenticated", False)


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    "field", ["email", "username", "full_name", "phone", "locale", "timezone", "avatar_url", "password"]
)
async def test_every_text_has_a_length_and_no_nul(alpha: TestTenant, field: str) -> None:
    valid = {"email": "limits@twin.example", "username": "limits"}

    values: tuple[Any, ...] = (
        "x" * 100_000,
        "x@x.example" * 9000,
        "https://x.example/" + "y" * 9000,
        "a\0b",
        "\ud800",
        "",
        7,
        [],
        {},
    )
    for value in values:
        body = json.dumps({**valid, field: value}).encode()
        answer = await alpha.owner.post("/users", content=body, headers=JSON)
        # A password may have any character; this one is merely short.
        code = "password_refused" if (field, value) == ("password", "a\0b") else "validation_failed"
        problem = problem_of(answer, 422, code)
        assert problem["errors"][0]["pointer"] == f"/body/{field}"


@pytest.mark.promise("S7")
async def test_lists_in_a_body_have_a_limit(alpha: TestTenant) -> None:
    body: dict[str, Any] = {"email": "l@twin.example", "username": "limits"}

    answer = await alpha.owner.post("/users", json={**body, "role_ids": [alpha.role_ids["viewer"]] * 51})

    problem_of(answer, 422, "validation_failed")


@pytest.mark.parametrize(
    "query", [b"q=\xff", b"\xff=1", b"q=%ff", b"q=%00", b"%00=%00", b"q", b"&&=&", b"q=" + b"%25" * 60000]
)
async def test_no_query_is_a_server_error(app: FastAPI, alpha: TestTenant, query: bytes) -> None:
    for path in (f"{API}/users", f"{API}/nowhere", "/health"):
        answer = await send_raw(app, "GET", path, headers=alpha.owner.headers, query=query)
        assert answer.status < 500, (path, answer.body)


@pytest.mark.parametrize("path", ["\0", "\udcff", "..", "?", "#", "%", "é", "x" * 50_000, "\n", "\\", "a\r\nb: c"])
async def test_no_path_is_a_server_error(app: FastAPI, alpha: TestTenant, path: str) -> None:
    answer = await send_raw(app, "GET", f"{API}/users/{path}", headers=alpha.owner.headers)

    assert (answer.status, answer.json()["code"]) == (422, "validation_failed")
    assert answer.json()["instance"].isascii()


async def test_a_line_break_in_the_path_reaches_no_header(app: FastAPI, alpha: TestTenant) -> None:
    """A route's pattern lets one pass at its very end."""
    body = b'{"email": "break@twin.example", "username": "break"}'

    created = await send_raw(app, "POST", f"{API}/users\n", headers={**alpha.owner.headers, **JSON}, body=body)
    listed = await send_raw(app, "GET", f"{API}/users\n", headers=alpha.owner.headers, query=b"limit=1")

    assert (created.status, listed.status) == (201, 200)
    assert not any(b"\n" in value for answer in (created, listed) for _, value in answer.headers)


@pytest.mark.parametrize("host", ["[", "[::1", "a b", "", "x:99999", "evil.example/../"])
async def test_no_host_is_a_server_error(http: httpx.AsyncClient, alpha: TestTenant, host: str) -> None:
    """Nor does what a client calls us appear in an answer."""
    listed = await alpha.owner.get("/users", params={"limit": 1}, headers={"Host": host})
    missing = await http.get("/nowhere", headers={"Host": host})

    assert (listed.status_code, missing.status_code) == (200, 404)
    assert listed.headers["Link"].startswith(f"<{API}/users?")


async def test_a_length_that_lies_is_no_server_error(app: FastAPI, alpha: TestTenant) -> None:
    api: Api = alpha.anonymous
    for length in ("-1", "1e3", "²", "9" * 400, ""):
        headers = {**api.headers, **JSON, "Content-Length": length}
        answer = await send_raw(app, "POST", f"{API}/auth/login", headers=headers, body=b"{}")
        assert answer.status in {413, 422}, length


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("/tools/notes", "is_pinned", 0),
        ("/tools/notes", "is_pinned", "true"),
        ("/tools/tasks", "position", "1"),
        ("/tools/tasks", "position", True),
        ("/users/api-keys", "expires_at", 4102444800),
        ("/settings/feature-flags", "switch_at", 4102444800),
    ],
)
async def test_a_body_is_taken_literally(alpha: TestTenant, path: str, field: str, value: object) -> None:
    """What is no truth value, number or time in the document is none here: nobody's 0 becomes a false or 1970."""
    problem = problem_of(await alpha.owner.post(path, json={field: value}), 422, "validation_failed")

    assert f"/body/{field}" in [error["pointer"] for error in problem["errors"]]


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    "query",
    ["/users?created_before=0.5", "/settings/audit-logs?from=0", "/tools/notes?created_after=4102444800",
     "/tools/calls/statistics?to=0", "/settings/security.mfa_required/history?at=1"],
)  # fmt: skip
async def test_a_number_is_no_time_in_an_address(alpha: TestTenant, query: str) -> None:
    problem_of(await alpha.owner.get(query), 422, "validation_failed")


@pytest.mark.promise("S7")
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "none-such"])
async def test_a_compressed_body_is_refused_unread(alpha: TestTenant, coding: str) -> None:
    body, headers = b'{"title": "a", "content": "b"}', {**JSON, "Content-Encoding": coding}

    answer = await alpha.owner.post("/tools/notes", content=body, headers=headers)
    plain = await alpha.owner.post("/tools/notes", content=body, headers={**JSON, "Content-Encoding": "identity"})

    problem_of(answer, 415, "unsupported_media_type")
    assert (answer.headers["Accept-Encoding"], plain.status_code) == ("identity", 201)
