"""Bodies that do not come: their senders hold nothing for longer than the configuration says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from common.http.body_limit import Patience
from tests.support.apps import running
from tests.support.listening import listening
from tests.support.problems import problem_of
from tests.support.servers import Servers
from tests.support.world import API, Api, TestTenant, create_tenant

pytestmark = pytest.mark.promise("S7")

JSON = {"Content-Type": "application/json"}


def test_patience_ends_with_a_stall_and_with_a_pace_below_the_least() -> None:
    patience = Patience(stall_seconds=30, bytes_per_second=1000)

    assert patience.left(0, 0) == 30
    assert patience.left(0, 29) == 1
    assert patience.left(1000, 30) == 1
    assert patience.left(5, 31) < 0
    assert patience.left(10_000_000, 9_000) == 30, "an honest sender has all of it again"


@pytest.fixture(scope="module")
async def hasty(servers: Servers) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """An application that waits a tenth of a second."""
    config = servers.config(servers.new_database(), body_stall_seconds=0.1, body_bytes_per_second=1000)
    async with running(config) as started:
        yield started


@pytest.fixture(scope="module")
async def resident(hasty: tuple[FastAPI, httpx.AsyncClient]) -> TestTenant:
    """A tenant of it."""
    return await create_tenant(hasty[1])


async def _pieces(first: bytes, piece: bytes, times: int, pause: float) -> AsyncIterator[bytes]:
    yield first
    for _ in range(times):
        await asyncio.sleep(pause)
        yield piece


@pytest.mark.parametrize(("times", "pause"), [(1, 0.5), (100, 0.02)])
async def test_a_body_that_stands_still_or_trickles_is_408(resident: TestTenant, times: int, pause: float) -> None:
    body = _pieces(b'{"title": "', b"a", times, pause)

    answer = await resident.owner.post("/tools/notes", content=body, headers=JSON)

    problem_of(answer, 408, "body_stalled")
    assert answer.headers["Connection"] == "close"


async def test_a_body_that_comes_slowly_and_steadily_is_read_to_its_end(resident: TestTenant) -> None:
    """A quarter of a second in all, which is more than the stall: its pace is ten times the least."""
    body = _pieces(b'{"title": "slow", "content": "', b"a" * 500, 10, 0.025)

    async def whole() -> AsyncIterator[bytes]:
        async for piece in body:
            yield piece
        yield b'"}'

    answer = await resident.owner.post("/tools/notes", content=whole(), headers=JSON)

    assert (answer.status_code, len(answer.json()["content"])) == (201, 5000)


async def test_the_connection_ends_with_the_body(
    hasty: tuple[FastAPI, httpx.AsyncClient], resident: TestTenant
) -> None:
    api: Api = resident.owner
    headers = {**api.headers, **JSON, "Host": "a", "Content-Length": "1000"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    async with listening(hasty[0]) as url, asyncio.timeout(20):
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"POST {API}/tools/notes HTTP/1.1\r\n{head}\r\n{{".encode())
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "body_stalled"' in answer
