"""What an event is among records."""

from __future__ import annotations

from typing import Final

from shared_auth import Principal
from tools.events import queries
from tools.models import Event, EventLink
from tools.records.kinds import Condition, Kind


def _for_attendees(actor: Principal, action: str) -> Condition:
    """Who is invited may read an event, and answer, but change nothing."""
    return queries.is_attended_by(actor.user_id) if action == "read" else queries.NOBODY


EVENT: Final = Kind(
    name="event",
    permission="events",
    table=Event.__table__,
    links=EventLink.__table__,
    title="title",
    text="description",
    columns=(
        *("title", "description", "location", "starts_at", "ends_at", "all_day", "timezone"),
        *("rrule", "exdates", "last_ends_at", "status", "join_url", "uid"),
    ),
    derived=(queries.ATTENDEES, queries.CHANGED_OCCURRENCES),
    searched=("title", "description", "location"),
    shared=_for_attendees,
)
