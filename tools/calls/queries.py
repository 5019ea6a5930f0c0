"""The SQL of calls that other records do not have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import DateTime, Row, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from common.enums import CallDirection, CallStatus
from common.paging import Order
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from tools.calls.kind import CALL
from tools.records.kinds import Condition
from tools.records.queries import between, exactly, is_living, order_of, reach

_calls: Any = CALL.table.c
BEGAN: Final = func.coalesce(_calls.started_at, _calls.created_at)
"""When a call took place or is to: without ``started_at``, when it was logged."""

ORDER: Final = Order(
    {**order_of(CALL).fields, "started_at": BEGAN},
    _calls.id,
    default="-started_at",
)


async def lock_external_id(unit: WriteUnit, external_id: str) -> None:
    """Have whoever else logs the same call wait until COMMIT. Locks are the whole database's, so the tenant's schema is
    part of what is locked."""
    locked = func.hashtextextended(func.concat(func.current_schema(), "/calls/", external_id), 0)
    await unit.execute(select(func.pg_advisory_xact_lock(locked)))


async def find_external(unit: ReadUnit, external_id: str) -> Row[Any] | None:
    """The living call of a telephone system's id, whosever it is."""
    wanted = select(_calls.id, _calls.created_by).where(_calls.external_id == external_id, is_living(CALL))
    return (await unit.execute(wanted)).one_or_none()


def call_conditions(
    *,
    status: Sequence[CallStatus],
    started_after: datetime | None,
    started_before: datetime | None,
    **exact: str | None,
) -> list[Condition]:
    """The filters that only calls have; ``exact`` are columns and what they must be."""
    found = [*exactly(_calls, **exact), *between(BEGAN, started_after, started_before)]
    if status:
        found.append(_calls.status.in_(status))
    return found


async def count_calls(
    unit: ReadUnit, actor: Principal, days: Sequence[datetime], *, user_id: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """What each person logged for each day, of the calls that somebody may read; ``days`` are the moments at which they
    begin, and the one at which the last ends."""
    bounds = bindparam("days", list(days), type_=ARRAY(DateTime(timezone=True)))
    conditions = [is_living(CALL), reach(CALL, actor, "read"), days[0] <= BEGAN, days[-1] > BEGAN]
    if user_id is not None:
        conditions.append(_calls.created_by == user_id)
    call = select(
        func.width_bucket(BEGAN, bounds).label("day"),
        *(_calls[name] for name in ("created_by", "status", "direction", "duration_seconds")),
    ).where(*conditions)
    found = call.subquery("call")
    columns = found.c
    duration = func.sum(columns.duration_seconds).filter(columns.status == CallStatus.COMPLETED)
    average = func.avg(columns.duration_seconds).filter(columns.status == CallStatus.COMPLETED)
    statement = (
        select(
            columns.day,
            columns.created_by,
            func.count().label("total"),
            *(func.count().filter(columns.status == status).label(status) for status in CallStatus),
            *(func.count().filter(columns.direction == direction).label(direction) for direction in CallDirection),
            func.coalesce(duration, 0).label("total_duration"),
            average.label("average_duration"),
        )
        .group_by(columns.day, columns.created_by)
        .order_by(columns.day, columns.created_by)
        .limit(limit)
    )
    return (await unit.execute(statement)).all()
