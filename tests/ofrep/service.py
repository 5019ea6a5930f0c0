"""Flags, and where their changes are told, as OFREP's clients and browsers meet them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.support.world import Api, TestTenant

BULK = "//ofrep/v1/evaluate/flags"
SWITCH = {"variants": {"on": True, "off": False}, "default_variant": "on"}


async def make_flag(api: Api, key: str, **fields: Any) -> dict[str, Any]:
    """A flag, made through the API."""
    answer = await api.post("/settings/feature-flags", json={"key": key, **SWITCH, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def toggle(api: Api, key: str) -> None:
    """Switch it."""
    answer = await api.post(f"/settings/feature-flags/{key}/toggle")
    assert answer.status_code == 200, answer.text


async def stream_address(api: Api) -> str:
    """Where the tenant's changes are told."""
    answer = await api.post(BULK, json={})
    assert answer.status_code == 200, answer.text
    (stream,) = answer.json()["eventStreams"]
    assert stream["type"] == "sse"
    return str(stream["endpoint"]["requestUri"])


class Listener:
    """Reads a stream as an EventSource does."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.lines = answer.aiter_lines()
        self.retry: int | None = None
        self.heartbeats = 0

    async def event(self) -> dict[str, Any]:
        """The next event: its id and its data."""
        found: dict[str, Any] = {}
        async for line in self.lines:
            name, _, value = line.partition(": ")
            if line.startswith(":"):
                self.heartbeats += 1
            elif name == "retry":
                self.retry = int(value)
            elif name:
                found[name] = json.loads(value) if name == "data" else value
            elif found:
                return found
        raise EOFError

    async def ended(self) -> bool:
        """Whether the stream ends without another event."""
        try:
            await self.event()
        except EOFError:
            return True
        return False


@asynccontextmanager
async def listen(http: httpx.AsyncClient, address: str, **headers: str) -> AsyncIterator[Listener]:
    """An open stream."""
    async with http.stream("GET", address, headers=headers, timeout=20) as answer:
        assert answer.status_code == 200, await answer.aread()
        yield Listener(answer)


def headers_of(tenant: TestTenant) -> dict[str, str]:
    """What a client of the tenant's owner sends."""
    return dict(tenant.owner.headers)
