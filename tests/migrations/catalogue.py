"""What PostgreSQL's catalogue says of the schema of one tenant."""

from __future__ import annotations

from typing import Final

import asyncpg

SCHEMA: Final = "tenant_ruled"


async def names(owner: asyncpg.Connection, query: str) -> list[str]:
    """The first column of a query about the schema, whose oid is ``$1``."""
    oid = await owner.fetchval("SELECT oid FROM pg_namespace WHERE nspname = $1", SCHEMA)
    return [str(row[0]) for row in await owner.fetch(query, oid)]
