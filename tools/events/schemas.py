"""The shapes of events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from common.enums import AttendeeResponse, EventStatus
from common.times import GivenTime
from shared_models import Payload, PlainText, Shape, Timestamp
from tools.events.rules import FIRST_YEAR, LAST_YEAR
from tools.models import MAX_EXDATES
from tools.records.schemas import NOT_GIVEN, Links, Patch, Record, Title
from tools.reminders.schemas import Reminder, Reminders
from users import Email, TimeZone, WebAddress, normalize_email

MAX_ATTENDEES: Final = 200


def possible(moment: datetime) -> datetime:
    """In UTC and whole seconds, as calendars have them; what would leave the calendar there is refused before. Raises
    ValueError."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR or not FIRST_YEAR <= moment.astimezone(UTC).year <= LAST_YEAR:
        raise ValueError(f"must be in the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment.astimezone(UTC).replace(microsecond=0)


EventTime = Annotated[GivenTime, AfterValidator(possible), Field(examples=["2026-12-01T09:00:00+02:00"])]
EventTitle = Annotated[Title, Field(examples=["Meeting the guide"])]
Description = Annotated[PlainText, StringConstraints(max_length=20_000, strip_whitespace=False)]
Location = Annotated[PlainText, StringConstraints(min_length=1, max_length=500), Field(examples=["Lobby"])]
RuleText = Annotated[PlainText, StringConstraints(min_length=1, max_length=500), Field(examples=["FREQ=WEEKLY"])]
Exdates = Annotated[list[EventTime], Field(max_length=MAX_EXDATES, examples=[["2026-12-08T09:00:00+02:00"]])]
Comment = Annotated[PlainText, StringConstraints(min_length=1, max_length=500), Field(examples=["Ten minutes late"])]


class Attendee(Shape):
    """Somebody invited: a user, or an outsider by address."""

    user_id: UUID | None
    email: str | None = Field(examples=["guide@tours.example"])
    response: AttendeeResponse
    comment: str | None
    responded_at: Timestamp | None


class AttendeeGiven(Payload):
    """Whom to invite: either a user or an address. Without ``response`` an answer that was given stays."""

    user_id: UUID | None = None
    email: Email | None = None
    response: AttendeeResponse | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.user_id is None) == (self.email is None):
            raise ValueError("needs either user_id or email")
        return self


def _distinct(attendees: list[AttendeeGiven]) -> list[AttendeeGiven]:
    known = {one.user_id or normalize_email(one.email or "") for one in attendees}
    if len(known) < len(attendees):
        raise ValueError("names somebody twice")
    return attendees


Attendees = Annotated[list[AttendeeGiven], Field(max_length=MAX_ATTENDEES), AfterValidator(_distinct)]


class ChangedOccurrence(Shape):
    """One occurrence of a recurring event that differs; what is null is as in the event."""

    original_starts_at: Timestamp
    title: str | None
    location: str | None
    starts_at: Timestamp | None
    ends_at: Timestamp | None
    status: EventStatus | None


class Event(Record):
    """An appointment. ``last_ends_at`` is when its last occurrence is over, null if that never comes."""

    title: str = Field(examples=["Meeting the guide"])
    description: str
    location: str | None
    starts_at: Timestamp
    ends_at: Timestamp
    all_day: bool
    timezone: str = Field(examples=["Europe/Athens"])
    rrule: str | None = Field(examples=["FREQ=WEEKLY;BYDAY=TU"])
    exdates: list[Timestamp]
    last_ends_at: Timestamp | None
    status: EventStatus
    join_url: str | None
    uid: str | None
    reminders: list[Reminder]
    attendees: list[Attendee]
    changed_occurrences: list[ChangedOccurrence]


class EventReplace(Payload):
    """All editable fields. What is left out gets its default.

    The times of a recurring event are those of its first occurrence, and it keeps its hour in ``timezone``. With
    ``all_day`` both are midnights there, ``ends_at`` that after the last day.
    """

    title: EventTitle
    description: Description = ""
    location: Location | None = None
    starts_at: EventTime
    ends_at: EventTime = Field(examples=["2026-12-01T10:00:00+02:00"])
    all_day: bool = False
    timezone: TimeZone | None = Field(default=None, description="Left out: `tenant.time_zone`.")
    rrule: RuleText | None = Field(default=None, description="RFC 5545, DAILY to YEARLY.")
    exdates: Exdates = Field(default_factory=list, description="Starts of occurrences that do not take place.")
    status: EventStatus = EventStatus.CONFIRMED
    join_url: WebAddress | None = None
    reminders: Reminders = Field(default_factory=list, description="Before each occurrence, to you and who will come.")
    attendees: Attendees = Field(default_factory=list)
    links: Links = Field(default_factory=list)


class EventCreate(EventReplace):
    """A new event."""


class EventPatch(Patch):
    """Only the fields to change; lists are replaced as a whole."""

    title: EventTitle = NOT_GIVEN
    description: Description = NOT_GIVEN
    location: Location | None = None
    starts_at: EventTime = NOT_GIVEN
    ends_at: EventTime = NOT_GIVEN
    all_day: bool = NOT_GIVEN
    timezone: TimeZone = NOT_GIVEN
    rrule: RuleText | None = None
    exdates: Exdates = NOT_GIVEN
    status: EventStatus = NOT_GIVEN
    join_url: WebAddress | None = None
    reminders: Reminders = NOT_GIVEN
    attendees: Attendees = NOT_GIVEN
    links: Links = NOT_GIVEN


class Answer(Payload):
    """What an invited person answers."""

    response: AttendeeResponse = Field(examples=["accepted"])
    comment: Comment | None = None
