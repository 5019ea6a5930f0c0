"""Who is invited, and what was answered: a list that is replaced as a whole, in which answers survive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from common.clock import now
from common.enums import AttendeeResponse
from common.errors import UnknownReference
from common.ids import new_id
from database import ReadUnit, WriteUnit
from shared_models import rfc3339
from tools.events import queries

Person = Mapping[str, Any]
"""An attendee as an event's row has it."""


def who(person: Person) -> str:
    """By what an attendee is known."""
    return str(person.get("user_id") or person["email"].lower())


def merge(before: Sequence[Person], given: Iterable[Person]) -> list[Person]:
    """The attendees as they will be: of whom nothing new is told, as they are."""
    known = {who(person): person for person in before}
    merged = []
    for person in given:
        old = known.get(who(person))
        response = person.get("response")
        if old is not None and response in {None, old["response"]}:
            merged.append(old)
        else:
            merged.append(answered(person, response or AttendeeResponse.NEEDS_ACTION, None))
    return sorted(merged, key=lambda person: (person["user_id"] is None, person["user_id"] or person["email"]))


def engaged(event: Any) -> set[UUID]:
    """Whom an event keeps busy: who made it and the users who are invited, but for those who declined."""
    answers = {UUID(one["user_id"]): one["response"] for one in event.attendees if one["user_id"] is not None}
    declined = {user_id for user_id, response in answers.items() if response == AttendeeResponse.DECLINED}
    return ({*answers, event.created_by} if event.created_by is not None else set(answers)) - declined


async def check_users(unit: ReadUnit, before: Sequence[Person], after: Sequence[Person]) -> None:
    """Whether those newly invited by id are people of this tenant. Raises UnknownReference."""
    known = {person["user_id"] for person in before}
    new = {UUID(person["user_id"]) for person in after if person["user_id"] is not None} - {
        UUID(user_id) for user_id in known if user_id is not None
    }
    if new and await queries.find_living_users(unit, new) != new:
        raise UnknownReference("An attendee is no user of this tenant.", pointer="/body/attendees")


async def write(unit: WriteUnit, event_id: UUID, before: Sequence[Person], after: Sequence[Person]) -> None:
    """Store what differs."""
    old, new = ({who(person): person for person in people} for people in (before, after))
    await queries.delete_attendees(unit, event_id, [old[key] for key in old.keys() - new.keys()])
    rows = [{"id": new_id(), "event_id": event_id, **_stored(new[key])} for key in new.keys() - old.keys()]
    await queries.insert_attendees(unit, rows)
    for key in old.keys() & new.keys():
        if old[key] != new[key]:
            answer = {name: value for name, value in _stored(new[key]).items() if name not in {"user_id", "email"}}
            await queries.update_attendee(unit, event_id, new[key], answer)


def answered(person: Person, response: AttendeeResponse, comment: str | None) -> Person:
    """The attendee with an answer of now."""
    has_answered = response != AttendeeResponse.NEEDS_ACTION
    return {
        "user_id": str(person["user_id"]) if person.get("user_id") else None,
        "email": person.get("email"),
        "response": response.value,
        "comment": comment,
        "responded_at": rfc3339(now()) if has_answered else None,
    }


def _stored(person: Person) -> dict[str, Any]:
    moment = person["responded_at"]
    user_id = UUID(person["user_id"]) if person["user_id"] else None
    return {**person, "user_id": user_id, "responded_at": datetime.fromisoformat(moment) if moment else None}
