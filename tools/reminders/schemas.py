"""The shapes of reminders."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from common.enums import ReminderStatus
from shared_models import Payload, Shape, Timestamp
from tools.models import MAX_REMINDER_MINUTES, MAX_REMINDERS


class Reminder(Shape, Payload):
    """What a record asks for: a mail that many minutes before it is due or begins."""

    offset_minutes: int = Field(ge=0, le=MAX_REMINDER_MINUTES, examples=[30])


def _distinct(reminders: list[Reminder]) -> list[Reminder]:
    """Each once, the last one to be sent first."""
    return sorted(set(reminders), key=lambda reminder: reminder.offset_minutes)


Reminders = Annotated[
    list[Reminder],
    Field(max_length=MAX_REMINDERS, examples=[[{"offset_minutes": 30}]]),
    AfterValidator(_distinct),
]


class RemindedRecord(Shape):
    """What a reminder is of. ``title`` is null once one may not read it, or it is gone."""

    type: str = Field(examples=["task"])
    id: UUID
    title: str | None = Field(examples=["Call the hotel"])


class OwnReminder(Shape):
    """A mail to oneself, to come or gone. ``missed`` is what came to nothing: too late to be of use, or about what one
    may not read any more."""

    id: UUID
    record: RemindedRecord
    offset_minutes: int = Field(examples=[30])
    due_at: Timestamp
    status: ReminderStatus
    sent_at: Timestamp | None
    created_at: Timestamp
