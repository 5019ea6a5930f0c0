"""Which mails a change of an event orders: sent once the change is durable, to all but who made it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.clock import now
from database import WriteUnit
from tools.events.attendees import Person, who
from tools.events.schedule import takes_place

MAIL: Final = "tools.event_mail"
ANSWER_MAIL: Final = "tools.event_answer_mail"
INVITATION, UPDATE, CANCELLATION = "event_invitation", "event_updated", "event_cancelled"
# A longer description is no reason to write to two hundred people.
TOLD: Final = (
    *("title", "location", "starts_at", "ends_at", "all_day", "timezone"),
    *("rrule", "exdates", "status", "join_url", "changed_occurrences"),
)


def order_mails(unit: WriteUnit, actor_id: UUID | None, before: Row[Any] | None, after: Row[Any]) -> None:
    """Tell who is invited now, or was before, what that change means to him; nothing of what is over."""
    if _is_over(after) and (before is None or _is_over(before)):
        return
    changed = before is not None and any(getattr(before, name) != getattr(after, name) for name in TOLD)
    old, new = _expected(before), _expected(after)
    for key, person in (old | new).items():
        if person["user_id"] == str(actor_id):
            continue
        if key not in new:
            _order(unit, CANCELLATION, after.id, person)
        elif key not in old:
            _order(unit, INVITATION, after.id, person)
        elif changed:
            _order(unit, UPDATE, after.id, person)


def order_answer_mail(unit: WriteUnit, event: Row[Any], person: Person) -> None:
    """Tell who made an event that somebody else answered."""
    if event.created_by is not None and str(event.created_by) != person["user_id"] and not _is_over(event):
        unit.enqueue(ANSWER_MAIL, {"event_id": str(event.id), **_named(person)})


def _expected(event: Row[Any] | None) -> dict[str, Person]:
    """Who is to come, if the event takes place."""
    if event is None or not takes_place(event):
        return {}
    return {who(person): person for person in event.attendees}


def _is_over(event: Row[Any]) -> bool:
    return event.last_ends_at is not None and event.last_ends_at < now()


def _order(unit: WriteUnit, template: str, event_id: UUID, person: Person) -> None:
    unit.enqueue(MAIL, {"template": template, "event_id": str(event_id), **_named(person)})


def _named(person: Person) -> dict[str, str | None]:
    return {"user_id": person["user_id"], "email": person["email"]}
