"""A route that is called directly answers what it answers behind all of FastAPI's layers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from common.http.direct import direct_handler
from common.http.shortcut import VisitRequest
from tests.support.routes import long_way
from tests.support.world import API, TestTenant

# Seen by nobody twice alike: ids, times, counts.
CHANGING: Final = {"x-request-id", "ratelimit", "date", "content-length", "set-cookie"}
# Tell something that changes while they do: an export of the audit log is in it the next time.
UNTOUCHED: Final = {"/readiness", "/metrics", f"{API}/settings/audit-logs/export"}
QUERIES: Final = ("", "?limit=2", "?limit=0&nonsense=1", "?limit=abc", "?nonsense=%F0%9F%92%A9", "?cursor=broken")
IDS: Final = ("01a2070b-d702-75af-a80e-ace08e3a517f", "no-id", "%00")


def shape(answer: httpx.Response) -> tuple[Any, ...]:
    """All of an answer that is the same for the same question."""
    headers = {name: value for name, value in answer.headers.items() if name not in CHANGING}
    return answer.status_code, headers, re.sub(r'"request_id": ?"[^"]*"', "", answer.text)


def addresses(app: FastAPI) -> list[str]:
    """Every address that can be read, for things that exist nowhere and for ids that are none, with every query."""
    paths = {
        context.path or ""
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute) and "GET" in (context.methods or ())
    } - UNTOUCHED
    filled = {re.sub(r"\{\w+\}", value, path) for path in paths for value in IDS}
    return sorted(path + query for path in filled for query in QUERIES)


async def test_both_ways_answer_alike(app: FastAPI, http: httpx.AsyncClient, alpha: TestTenant) -> None:
    headers = alpha.owner.headers
    for address in addresses(app):
        short = await http.get(address, headers=headers)
        with long_way(app):
            long = await http.get(address, headers=headers)
        assert shape(short) == shape(long), address


async def test_what_is_read_most_is_called_directly(app: FastAPI) -> None:
    routes = {
        context.path: context.original_route
        for context in iter_route_contexts(app.routes)
        if "GET" in (context.methods or ())
    }
    for path in ("/health", "/api/v1/auth/me", "/api/v1/auth/test", "/api/v1/users", "/api/v1/users/{user_id}"):
        route = routes[path]
        assert isinstance(route, APIRoute)
        assert direct_handler(route) is not None, path


async def test_a_body_in_the_signature_is_left_to_fastapi() -> None:
    app = FastAPI()

    @app.post("/things")
    async def make(name: dict[str, str]) -> dict[str, str]:
        return name

    (route,) = [route for route in app.routes if isinstance(route, APIRoute)]
    assert direct_handler(route) is None


def receiver_of(messages: Sequence[Message]) -> Receive:
    """What a server hands over for these."""
    left = iter(messages)

    async def receive() -> Message:
        return next(left)

    return receive


REQUEST: Final = {"type": "http", "method": "POST", "headers": [], "state": {}}
PARTS: Final[Sequence[Message]] = [
    {"type": "http.request", "body": part, "more_body": True} for part in (b"a", b"", b"bc")
]


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "http.request", "body": b"abc"}],
        [*PARTS, {"type": "http.request"}],
        [{"type": "http.request"}],
    ],
)
async def test_a_body_is_read_as_starlette_reads_it(messages: Sequence[Message]) -> None:
    short, long = (kind(REQUEST, receiver_of(messages)) for kind in (VisitRequest, Request))

    assert await short.body() == await long.body()
    assert await short.body() == await long.body()  # and again, from memory
    assert [part async for part in short.stream()] == [part async for part in long.stream()]


@pytest.mark.parametrize("kind", [VisitRequest, Request])
async def test_a_body_that_breaks_off_is_none(kind: type[Request]) -> None:
    for before in ([], PARTS):
        request = kind(REQUEST, receiver_of([*before, {"type": "http.disconnect"}]))
        with pytest.raises(ClientDisconnect):
            await request.body()


@pytest.mark.parametrize("kind", [VisitRequest, Request])
async def test_a_body_that_was_streamed_is_not_read_again(kind: type[Request]) -> None:
    request = kind(REQUEST, receiver_of([{"type": "http.request", "body": b"abc"}]))
    assert b"".join([part async for part in request.stream()]) == b"abc"

    with pytest.raises(RuntimeError):
        await request.body()
