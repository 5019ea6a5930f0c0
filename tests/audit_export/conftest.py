"""Two tenants with long logs, and ways to read an export that no HTTP client has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import pytest
from fastapi import FastAPI
from starlette.types import Message

from common.config import Config
from tests.support.apps import running
from tests.support.probes import owner_connection
from tests.support.servers import Servers
from tests.support.world import API, TestTenant, create_tenant

PATH: Final = "/settings/audit-logs/export"
LONG: Final = 6_000
# Every entry differs, and each has what must arrive digit for digit.
APPEND: Final = """
SELECT audit_append((SELECT jsonb_agg(jsonb_build_object(
    'id', gen_random_uuid(), 'action', 'things.changed', 'actor_type', 'system', 'target_type', 'thing',
    'target_id', number::text, 'target_name', $2 || number,
    'changes', jsonb_build_array(jsonb_build_object('path', 'größe', 'old', 1.50, 'new', number)),
    'outcome', 'success'))
FROM generate_series(1, $1::int) AS number))
"""


@dataclass
class World:
    """An application of which not everybody gets an export at once, and two tenants in it."""

    app: FastAPI
    config: Config
    one: TestTenant
    other: TestTenant
    superuser: asyncpg.Connection

    async def copying(self) -> list[asyncpg.Record]:
        """The server's processes that have an export's transaction open."""
        rows: list[asyncpg.Record] = await self.superuser.fetch(
            "SELECT pid, state, wait_event FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE 'COPY (%' AND state <> 'idle'"
        )
        return rows

    async def has_no_copy(self) -> bool:
        """Whether none is left; the server takes a moment to notice that nobody is there."""
        return not await self.copying()


@pytest.fixture(scope="package")
async def world(servers: Servers) -> AsyncIterator[World]:
    """One tenant has 6,000 entries, the other a thousand."""
    config = servers.config(servers.new_database(), export_pool_size=2, database_pool_timeout=0.3)
    async with running(config) as (app, http), owner_connection(config, "public") as superuser:
        one, other = await create_tenant(http, "tenant_one"), await create_tenant(http, "tenant_other")
        for tenant, entries in ((one, LONG), (other, 1000)):
            async with owner_connection(config, tenant.name) as owner:
                await owner.fetch(APPEND, entries, f"{tenant.canary} ")
                await owner.execute("ANALYZE audit_logs")
        yield World(app, config, one, other, superuser)


@dataclass
class Client:
    """A client as a server shows it to the application: it reads as fast as ``room`` has permits, and may hang up."""

    room: asyncio.Semaphore
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    is_complete: bool = False

    async def receive(self) -> Message:
        """ASGI's."""
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """ASGI's."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
            return
        self.begun.set()
        await self.room.acquire()
        self.body += message.get("body", b"")
        self.is_complete = not message.get("more_body", False)

    def call(self, app: FastAPI, tenant: TestTenant, query: str = "") -> asyncio.Task[None]:
        """Ask for an export."""
        headers = {**tenant.owner.headers, "Accept-Encoding": "identity"}
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": API + PATH,
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("203.0.113.7", 40000),
            "server": ("service.test", 80),
        }
        return asyncio.ensure_future(app(scope, self.receive, self.send))


def slow() -> Client:
    """One that reads nothing until it is told to."""
    return Client(asyncio.Semaphore(0))


def quick() -> Client:
    """One that reads everything at once."""
    return Client(asyncio.Semaphore(10**9))
