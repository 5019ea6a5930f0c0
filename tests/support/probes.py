"""Looking at the database past the service: as its owner, and by counting what the service's own pool does."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from fastapi import FastAPI
from sqlalchemy import event

from common.config import Config
from database import quote_identifier
from migrations.login import plain_dsn

_idle: dict[str, list[asyncpg.Connection]] = {}
"""Connections nobody uses, by URL. There are two thousand uses, and each connection of its own would cost 5 ms."""


@asynccontextmanager
async def owner_connection(config: Config, schema: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the database's owner that sees one schema; nothing is left in it of whoever had it before."""
    url = plain_dsn(config.owner_url)
    # No statement is kept: its plan may be of another tenant's schema, which has changed since.
    connection = await _idle_connection(url) or await asyncpg.connect(url, statement_cache_size=0)
    try:
        await connection.execute(f"SET search_path TO {quote_identifier(schema)}")
        yield connection
        await _make_bare(connection)
        _idle.setdefault(url, []).append(connection)
    except BaseException:
        connection.terminate()
        raise


async def _idle_connection(url: str) -> asyncpg.Connection | None:
    """One that still works: a test may have ended it, or its server."""
    while idle := _idle.get(url):
        connection = idle.pop()
        try:
            await connection.execute("SELECT")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()
        else:
            return connection
    return None


async def _make_bare(connection: asyncpg.Connection) -> None:
    """Everything that DISCARD ALL does, but for statements and plans, of which there are none."""
    await connection.reset()
    await connection.execute("SET SESSION AUTHORIZATION DEFAULT; DISCARD TEMP; DISCARD SEQUENCES")


async def end_idle_connections() -> None:
    """To be done before the process ends, whether or not their server is there to be told."""
    for connection in itertools.chain.from_iterable(_idle.values()):
        connection.terminate()
    _idle.clear()
    await asyncio.sleep(0)  # the loop closes their sockets


@dataclass(slots=True)
class Traffic:
    """What the service's pool did while it was watched."""

    checkouts: int = 0
    statements: list[str] = field(default_factory=list)


@contextmanager
def watched(app: FastAPI) -> Iterator[Traffic]:
    """Count the connections taken from the application's pool, and the statements sent over them."""
    engine = app.state.services.database.server.engine.sync_engine
    traffic = Traffic()

    def count_checkout(*_: Any) -> None:
        traffic.checkouts += 1

    def note_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        traffic.statements.append(statement)

    event.listen(engine.pool, "checkout", count_checkout)
    event.listen(engine, "before_cursor_execute", note_statement)
    try:
        yield traffic
    finally:
        event.remove(engine.pool, "checkout", count_checkout)
        event.remove(engine, "before_cursor_execute", note_statement)
