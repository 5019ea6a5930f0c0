"""What an event is among records."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from database import ReadUnit
from shared_auth import Principal
from tools.events import queries
from tools.events.occurrences.expansion import next_start
from tools.events.schedule import takes_place
from tools.models import Event, EventLink
from tools.records.kinds import Condition, Kind
from tools.records.single import find_any_record


def _for_attendees(actor: Principal, action: str) -> Condition:
    """Who is invited may read an event, and answer, but change nothing."""
    return queries.is_attended_by(actor.user_id) if action == "read" else queries.NOBODY


async def _next_start(unit: ReadUnit, event_id: UUID, after: datetime) -> datetime | None:
    """When an event that takes place starts next."""
    event = await find_any_record(unit, EVENT, event_id)
    return next_start(event, after) if event is not None and takes_place(event) else None


EVENT: Final = Kind(
    name="event",
    permission="events",
    table=Event.__table__,
    links=EventLink.__table__,
    title="title",
    text="description",
    columns=(
        *("title", "description", "location", "starts_at", "ends_at", "all_day", "timezone"),
        *("rrule", "exdates", "last_ends_at", "status", "join_url", "uid", "reminders"),
    ),
    derived=(queries.ATTENDEES, queries.CHANGED_OCCURRENCES),
    searched=("title", "description", "location"),
    shared=_for_attendees,
    next_moment=_next_start,
    days=("all_day", "timezone"),
)
