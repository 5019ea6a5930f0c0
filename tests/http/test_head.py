"""HEAD is answered wherever GET is, with the same headers and no body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
from fastapi import FastAPI
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from common.http.head import Head
from tests.support.operations import operations_of
from tests.support.problems import problem_of
from tests.support.world import API, TestTenant


def headers_of(answer: httpx.Response) -> list[tuple[str, str]]:
    """What must not depend on the method."""
    return [(name, value) for name, value in answer.headers.multi_items() if name != "x-request-id"]


async def test_every_get_answers_head(app: FastAPI, http: httpx.AsyncClient) -> None:
    paths = {operation.path for operation in operations_of(app) if operation.method == "GET"}
    assert len(paths) > 30

    for path in sorted(paths):
        address = path.removeprefix("/") if path.startswith("//") else API + path
        for part in {"{" + part.partition("}")[0] + "}" for part in address.split("{")[1:]}:
            address = address.replace(part, str(UUID(int=0)))
        got, head = await http.get(address), await http.head(address)
        assert (head.status_code, headers_of(head)) == (got.status_code, headers_of(got)), path
        assert (got.status_code != 405, head.content) == (True, b""), path


async def test_the_headers_are_those_of_the_answer(
    http: httpx.AsyncClient, alpha: TestTenant, beta: TestTenant
) -> None:
    for tenant in (alpha, beta):
        for path in ("/auth/me", "/users", f"/users/{tenant.people['member'].id}", "/users/roles?limit=1"):
            got, head = await tenant.owner.get(path), await tenant.owner.request("HEAD", path)
            assert (head.status_code, head.content) == (200, b"")
            assert headers_of(head) == headers_of(got)
            assert int(head.headers["Content-Length"]) == len(got.content)
        mine = f"/users/{tenant.people['owner'].id}"
        known = {"If-None-Match": (await tenant.owner.get(mine)).headers["ETag"]}
        assert (await tenant.owner.request("HEAD", mine, headers=known)).status_code == 304
        nobody = await tenant.owner.request("HEAD", f"/users/{UUID(int=0)}")
        assert (nobody.status_code, nobody.content) == (404, b"")


async def test_where_there_is_no_get_there_is_no_head(http: httpx.AsyncClient) -> None:
    head, trace = await http.head(f"{API}/auth/login"), await http.request("TRACE", f"{API}/users")

    assert (head.status_code, head.headers["Allow"], head.content) == (405, "POST", b"")
    problem_of(trace, 405, "method_not_allowed")
    assert trace.headers["Allow"] == "GET, HEAD, POST"


async def test_it_is_counted_as_what_it_is_and_not_documented(http: httpx.AsyncClient) -> None:
    await http.head("/health")

    counted = (await http.get("/metrics")).text
    assert any('method="HEAD"' in line and 'route="/health"' in line for line in counted.splitlines())
    paths = (await http.get("/openapi.json")).json()["paths"]
    assert not any("head" in operations for operations in paths.values())


async def test_a_stream_without_end_ends() -> None:
    ended = asyncio.Event()

    async def ticks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"tick\n"
                await asyncio.sleep(0)
        finally:
            ended.set()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(ticks(), media_type="text/event-stream")(scope, receive, send)

    transport = httpx.ASGITransport(Head(endless))
    async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as client, asyncio.timeout(5):
        answer = await client.head("/")
        await ended.wait()

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
