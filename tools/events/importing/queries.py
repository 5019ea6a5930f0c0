"""The SQL of imports: what was imported before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Text, cast, func, insert, or_, select

from database import ReadUnit, WriteUnit
from shared_auth import Principal
from tools.events.kind import EVENT
from tools.models import EventOverride
from tools.records.queries import is_living

_events = EVENT.table.c
_overrides: Any = EventOverride.__table__


async def lock_imports(unit: WriteUnit, user_id: UUID) -> None:
    """Have another import of the same user's wait until COMMIT. Locks are the whole database's, so the tenant's schema
    is part of what is locked."""
    locked = func.hashtextextended(func.concat(func.current_schema(), "/imports/", str(user_id)), 0)
    await unit.execute(select(func.pg_advisory_xact_lock(locked)))


async def find_known(unit: ReadUnit, actor: Principal, uids: Iterable[str]) -> dict[str, UUID]:
    """Which of these the actor has, imported or written by this service and read back: its id."""
    wanted = list(uids)
    uid = func.coalesce(_events.uid, cast(_events.id, Text)).label("uid")
    found = await unit.execute(
        select(uid, _events.id).where(
            is_living(EVENT),
            _events.created_by == actor.user_id,
            or_(_events.uid.in_(wanted), _events.id.in_([UUID(one) for one in wanted if _is_id(one)])),
        )
    )
    return {row.uid: row.id for row in found}


async def insert_overrides(unit: WriteUnit, rows: Sequence[Mapping[str, Any]]) -> None:
    """Have occurrences differ."""
    if rows:
        await unit.execute(insert(_overrides), rows)


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
