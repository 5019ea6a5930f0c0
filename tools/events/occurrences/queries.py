"""The SQL of occurrences: the events that may have some in a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, exists, or_, select

from common.enums import AttendeeResponse, EventStatus
from database import ReadUnit
from shared_auth import Principal
from tools.events.kind import EVENT
from tools.events.occurrences.schemas import Window
from tools.events.queries import ATTENDEES, CHANGED_OCCURRENCES, happens_within
from tools.models import EventAttendee
from tools.records.kinds import Condition
from tools.records.queries import is_living, reach

_events = EVENT.table.c
_attendees: Any = EventAttendee.__table__
_TIMES: Final = ("id", "starts_at", "ends_at", "all_day", "timezone", "rrule", "exdates", "last_ends_at", "status")


async def list_candidates(
    unit: ReadUnit, actor: Principal, window: Window, conditions: Sequence[Condition], limit: int
) -> list[Row[Any]]:
    """Events somebody may read that may happen in a window, in one statement."""
    shown = (*_TIMES, "title", "location", "join_url", "created_by")
    statement = select(*(_events[name] for name in shown), CHANGED_OCCURRENCES).where(
        is_living(EVENT), reach(EVENT, actor, "read"), happens_within(window.low, window.high), *conditions
    )
    return list((await unit.execute(statement.limit(limit))).all())


async def list_engagements(unit: ReadUnit, user_ids: Sequence[UUID], window: Window, limit: int) -> list[Row[Any]]:
    """Events that may keep one of these users busy in a window, whoever may read them; no word of what they are."""
    invited = exists().where(
        _attendees.c.event_id == _events.id,
        _attendees.c.user_id.in_(user_ids),
        _attendees.c.response != AttendeeResponse.DECLINED,
    )
    statement = select(*(_events[name] for name in _TIMES), _events.created_by, ATTENDEES, CHANGED_OCCURRENCES).where(
        is_living(EVENT),
        _events.status != EventStatus.CANCELLED,
        happens_within(window.low, window.high),
        or_(_events.created_by.in_(user_ids), invited),
    )
    return list((await unit.execute(statement.limit(limit))).all())
