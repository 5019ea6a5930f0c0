"""What PostgreSQL's processes hold in memory, as they say themselves."""

from __future__ import annotations

from typing import Any, Final

import asyncpg
from sqlalchemy import text

from database import ReadUnit

PROBE: Final = """
    CREATE SCHEMA probe;
    CREATE FUNCTION probe.memory() RETURNS bigint SECURITY DEFINER LANGUAGE sql
        AS 'SELECT sum(total_bytes)::bigint FROM pg_catalog.pg_backend_memory_contexts';
    GRANT USAGE ON SCHEMA probe TO PUBLIC;
    GRANT EXECUTE ON FUNCTION probe.memory() TO PUBLIC;
"""


async def add_probe(owner: asyncpg.Connection) -> None:
    """Let every role ask for its own backend's memory, which by itself only superusers may."""
    if not await owner.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = 'probe'"):
        await owner.execute(PROBE)


async def memory_of(unit: ReadUnit) -> tuple[int, int]:
    """The unit's backend, and the bytes it has taken."""
    row: Any = (await unit.execute(text("SELECT pg_backend_pid(), probe.memory()"))).one()
    return int(row[0]), int(row[1])
