"""The SQL of invitations: who gets a mail, and whose link it is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update

from database import ReadUnit, WriteUnit
from tools.events.attendees import Person
from tools.events.kind import EVENT
from tools.events.queries import is_invitation_of
from tools.models import EventAttendee
from tools.records.queries import is_living
from users import User

_attendees: Any = EventAttendee.__table__


async def find_user(unit: ReadUnit, user_id: UUID | None) -> Row[Any] | None:
    """Where an active user's mail goes."""
    columns = (User.email, User.locale, User.timezone, User.full_name, User.username)
    found = await unit.execute(select(*columns).where(User.id == user_id, User.is_active, User.deleted_at.is_(None)))
    return found.one_or_none()


async def renew_digest(unit: WriteUnit, event_id: UUID, person: Person, digest: bytes) -> bool:
    """Have a new link be good and the one before no more; False for who is not invited any more."""
    renewed = (
        update(_attendees)
        .where(is_invitation_of(event_id, person))
        .values(answer_digest=digest)
        .returning(_attendees.c.id)
    )
    return (await unit.execute(renewed)).one_or_none() is not None


async def find_invitation(unit: ReadUnit, digest: bytes) -> Row[Any] | None:
    """Whom a link was mailed to, for which living event."""
    events = EVENT.table
    found = await unit.execute(
        select(_attendees.c.event_id, _attendees.c.user_id, _attendees.c.email)
        .join(events, events.c.id == _attendees.c.event_id)
        .where(_attendees.c.answer_digest == digest, is_living(EVENT))
    )
    return found.one_or_none()


async def lock_event(unit: WriteUnit, event_id: UUID) -> None:
    """Have those stand in line who change the same event."""
    events = EVENT.table
    await unit.execute(select(events.c.id).where(events.c.id == event_id).with_for_update(key_share=True))
