"""The platform's own audit log, as its operators read it. ``SystemUnit.audit`` writes it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from common.paging import ListQuery
from serving.visit import Visit
from shared_models import Page
from users.platform import queries
from users.platform.queries import LogFilter
from users.platform.schemas import LogActor, LogTarget, PlatformAuditLog


async def list_log(visit: Visit, query: ListQuery, wanted: LogFilter) -> Page[PlatformAuditLog]:
    """A page of entries, the newest first."""
    async with visit.system() as unit:
        found = await queries.list_log(unit, query, wanted)
    entries = [_shape(row) for row in found.rows]
    return Page(items=entries, next_cursor=found.next_cursor, total=found.total)


def _shape(row: Row[Any]) -> PlatformAuditLog:
    target = LogTarget(type=row.target_type, id=row.target_id, name=row.target_name) if row.target_type else None
    return PlatformAuditLog(
        **{
            **row._mapping,
            "actor": LogActor(type=row.actor_type, id=row.actor_id, name=row.actor_name),
            "target": target,
            "prev_hash": row.prev_hash.hex(),
            "hash": row.hash.hex(),
        }
    )
