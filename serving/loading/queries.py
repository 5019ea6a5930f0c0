"""The SQL of loading that is the same for every kind."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from database import ReadUnit


async def begin_unit(unit: ReadUnit) -> None:
    """Have the transaction begin, for savepoints need one, and another run in this tenant wait for its end: what it
    makes is there then. Locks are the whole database's, so the tenant's schema is part of what is locked."""
    locked = func.hashtextextended(func.concat(func.current_schema(), "/loading"), 0)
    await unit.execute(select(func.pg_advisory_xact_lock(locked)))


async def list_known(unit: ReadUnit, table: Any, ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Which of these ids a table has, deleted rows among them, and when they were changed last."""
    if not ids:
        return {}
    found = await unit.execute(select(table.c.id, table.c.updated_at).where(table.c.id.in_(ids)))
    return {row.id: row.updated_at for row in found}
