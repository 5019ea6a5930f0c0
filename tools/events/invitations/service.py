"""Answering by the link in a mail, without an account."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from common.errors import TokenInvalid
from database import ReadUnit, WriteUnit
from tools.events.attendees import Person, who
from tools.events.invitations import queries
from tools.events.invitations.schemas import EventInvitation
from tools.events.kind import EVENT
from tools.events.schemas import Answer
from tools.events.secrets import digest_of
from tools.events.service import note_answer
from tools.records import service


async def get_invitation(unit: ReadUnit, secret: str) -> EventInvitation:
    """What the link is about. Raises TokenInvalid."""
    event, person = await _find(unit, secret)
    return _shown(event, person)


async def answer_invitation(unit: WriteUnit, secret: str, payload: Answer) -> EventInvitation:
    """Note an answer; the link stays good, so that it can be changed. Raises TokenInvalid."""
    event, _ = await _find(unit, secret)
    await queries.lock_event(unit, event.id)
    event, person = await _find(unit, secret)
    await note_answer(unit, event, person, payload)
    return _shown(event, {**person, **payload.model_dump(mode="json")})


async def _find(unit: ReadUnit, secret: str) -> tuple[Row[Any], Person]:
    found = await queries.find_invitation(unit, digest_of(secret))
    if found is None:
        raise TokenInvalid
    event = await service.get_written(unit, EVENT, found.event_id)
    key = who({"user_id": found.user_id, "email": found.email})
    person = next((one for one in event.attendees if who(one) == key), None)
    if person is None:  # not any more: between the two statements the invitation was taken back
        raise TokenInvalid
    return event, person


def _shown(event: Row[Any], person: Person) -> EventInvitation:
    told = {name: getattr(event, name) for name in EventInvitation.model_fields if hasattr(event, name)}
    return EventInvitation(**told, response=person["response"], comment=person["comment"])
