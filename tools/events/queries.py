"""The SQL of events: attendees, changed occurrences, and which events happen in a window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    collate,
    delete,
    exists,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from database import ReadUnit, WriteUnit
from tools.models import Event, EventAttendee, EventOverride
from tools.records.kinds import Condition
from tools.records.queries import exactly, listed
from users import User

NOBODY: Final = false()
_BOTH_ENDS: ColumnElement[str] = literal_column(
    "'[]'"
)  # as the index says it; a parameter would hide the index from the planner
_events: Any = Event.__table__
_attendees: Any = EventAttendee.__table__
_overrides: Any = EventOverride.__table__


def _object(table: Any, *names: str) -> Any:
    return func.json_build_object(*(part for name in names for part in (name, table.c[name])))


ATTENDEES: Final = listed(
    _events,
    _object(_attendees, "user_id", "email", "response", "comment", "responded_at"),
    _attendees.c.user_id,
    collate(_attendees.c.email, "C"),
    where=[_attendees.c.event_id == _events.c.id],
).label("attendees")
CHANGED_OCCURRENCES: Final = listed(
    _events,
    _object(_overrides, "original_starts_at", "title", "location", "starts_at", "ends_at", "status"),
    _overrides.c.original_starts_at,
    where=[_overrides.c.event_id == _events.c.id],
).label("changed_occurrences")


def is_attended_by(user_id: UUID) -> Condition:
    """Whether a user is invited."""
    return exists().where(_attendees.c.event_id == _events.c.id, _attendees.c.user_id == user_id)


def event_conditions(
    *,
    status: str | None,
    attendee_id: UUID | None,
    starts_after: datetime | None = None,
    starts_before: datetime | None = None,
    is_recurring: bool | None = None,
) -> list[Condition]:
    """The filters that are events' own."""
    found = exactly(_events.c, status=status)
    if attendee_id is not None:
        found.append(is_attended_by(attendee_id))
    if starts_after is not None:
        found.append(_events.c.starts_at >= starts_after)
    if starts_before is not None:
        found.append(_events.c.starts_at < starts_before)
    if is_recurring is not None:
        found.append(_events.c.rrule.is_not(None) if is_recurring else _events.c.rrule.is_(None))
    return found


def happens_within(low: datetime, high: datetime) -> Condition:
    """Whether an event, or an occurrence that was moved, may happen between two moments: what the GiST indexes find.
    Of a recurring one it is for its rule to say."""
    window = func.tstzrange(low, high)
    spans = func.tstzrange(_events.c.starts_at, _events.c.last_ends_at, _BOTH_ENDS)
    moved = func.tstzrange(_overrides.c.starts_at, _overrides.c.ends_at, _BOTH_ENDS)
    elsewhere = select(_overrides.c.event_id).where(moved.op("&&")(window), _overrides.c.starts_at.is_not(None))
    # An array, because the planner joins two index scans by OR, but not one with a subquery.
    return or_(spans.op("&&")(window), _events.c.id == func.any(func.array(elsewhere.scalar_subquery())))


async def find_living_users(unit: ReadUnit, user_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these ids are people of this tenant."""
    found = await unit.execute(select(User.id).where(User.id.in_(list(user_ids)), User.deleted_at.is_(None)))
    return set(found.scalars())


async def insert_attendees(unit: WriteUnit, rows: Sequence[Mapping[str, Any]]) -> None:
    """Invite people."""
    if rows:
        await unit.execute(insert(_attendees), rows)


async def update_attendee(
    unit: WriteUnit, event_id: UUID, attendee: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Note an answer of somebody who is invited."""
    await unit.execute(update(_attendees).where(is_invitation_of(event_id, attendee)).values(**values))


async def delete_attendees(unit: WriteUnit, event_id: UUID, attendees: Iterable[Mapping[str, Any]]) -> None:
    """Take invitations back."""
    gone = [is_invitation_of(event_id, attendee) for attendee in attendees]
    if gone:
        await unit.execute(delete(_attendees).where(or_(*gone)))


async def put_override(unit: WriteUnit, event_id: UUID, original: datetime, values: Mapping[str, Any] | None) -> None:
    """Have one occurrence differ like that, or with None not at all."""
    await unit.execute(
        delete(_overrides).where(_overrides.c.event_id == event_id, _overrides.c.original_starts_at == original)
    )
    if values is not None:
        await unit.execute(insert(_overrides).values(event_id=event_id, original_starts_at=original, **values))


async def delete_overrides(unit: WriteUnit, event_id: UUID, originals: Sequence[datetime]) -> None:
    """Forget how occurrences differed that there are no more."""
    await unit.execute(
        delete(_overrides).where(_overrides.c.event_id == event_id, _overrides.c.original_starts_at.in_(originals))
    )


def is_invitation_of(event_id: UUID, attendee: Mapping[str, Any]) -> Condition:
    """Whether a row of the attendees is this one's."""
    columns = _attendees.c
    if attendee["user_id"] is not None:
        return and_(columns.event_id == event_id, columns.user_id == UUID(str(attendee["user_id"])))
    return and_(columns.event_id == event_id, func.lower(columns.email) == func.lower(attendee["email"]))
