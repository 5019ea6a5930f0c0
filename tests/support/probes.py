"""Looking at the database past the service: as its owner, and by counting what the service's own pool does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from fastapi import FastAPI
from sqlalchemy import event

from common.config import Config
from database import quote_identifier
from migrations.provision import plain_dsn


@asynccontextmanager
async def owner_connection(config: Config, schema: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the database's owner that sees one schema."""
    connection = await asyncpg.connect(plain_dsn(config.owner_url))
    try:
        await connection.execute(f"SET search_path TO {quote_identifier(schema)}")
        yield connection
    finally:
        await connection.close()


@dataclass(slots=True)
class Traffic:
    """What the service's pool did while it was watched."""

    checkouts: int = 0
    statements: list[str] = field(default_factory=list)


@contextmanager
def watched(app: FastAPI) -> Iterator[Traffic]:
    """Count the connections taken from the application's pool, and the statements sent over them."""
    engine = app.state.services.database.engine.sync_engine
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
