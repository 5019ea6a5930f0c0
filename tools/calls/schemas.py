"""The shapes of calls."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from common.enums import CallDirection, CallStatus
from common.times import Moment
from shared_models import Payload, PlainText, Shape, Timestamp
from tools.records.schemas import NOT_GIVEN, Links, Patch, Record
from users import WebAddress

E164: Final = re.compile(r"\+[1-9][0-9]{1,14}")
# "(0)" is how a national prefix is written that is not dialled from abroad: +44 (0)20 …
DECORATION: Final = re.compile(r"\(0\)|[\s()./\u2010-\u2015-]")
LONGEST_CALL: Final = 7 * 24 * 3600  # seconds; what is longer was never hung up


def plain_number(text: str) -> str:
    """A telephone number in the one form it is stored in. Raises ValueError."""
    number = DECORATION.sub("", text)
    if not E164.fullmatch(number):
        raise ValueError(
            "is not a telephone number in international form (E.164): a plus, then up to 15 digits that begin with "
            "the country's code, such as +30 210 123 4567"
        )
    return number


def _searched_number(text: str) -> str:
    """The same in an address, where a plus that was not encoded means a space."""
    return plain_number(f"+{text[1:]}" if text.startswith(" ") else text)


PhoneNumber = Annotated[
    str, StringConstraints(max_length=64), AfterValidator(plain_number), Field(examples=["+302101234567"])
]
SearchedNumber = Annotated[str, StringConstraints(max_length=64), AfterValidator(_searched_number)]
ContactName = Annotated[PlainText, StringConstraints(min_length=1, max_length=200), Field(examples=["Maria Papadaki"])]
ContactRef = Annotated[PlainText, StringConstraints(min_length=1, max_length=128), Field(examples=["customer:C-1"])]
Outcome = Annotated[
    PlainText, StringConstraints(min_length=1, max_length=500), Field(examples=["Wants a later flight"])
]
Notes = Annotated[PlainText, StringConstraints(max_length=20_000, strip_whitespace=False)]
ExternalId = Annotated[PlainText, StringConstraints(min_length=1, max_length=128), Field(examples=["pbx-7f3a"])]
Seconds = Annotated[int, Field(ge=0, le=LONGEST_CALL, examples=[240])]


class Call(Record):
    """A telephone call, seen from the tenant."""

    direction: CallDirection
    status: CallStatus
    phone_number: str | None = Field(examples=["+302101234567"])
    contact_name: str | None = Field(examples=["Maria Papadaki"])
    contact_ref: str | None = Field(examples=["customer:C-1"])
    started_at: Timestamp | None
    ended_at: Timestamp | None
    duration_seconds: int | None = Field(examples=[240])
    outcome: str | None = Field(examples=["Wants a later flight"])
    notes: str
    recording_url: str | None = Field(examples=["https://pbx.example/recordings/7f3a"])
    external_id: str | None = Field(examples=["pbx-7f3a"])


class CallReplace(Payload):
    """All editable fields. What is left out gets its default."""

    direction: CallDirection
    status: CallStatus
    phone_number: PhoneNumber | None = None
    contact_name: ContactName | None = None
    contact_ref: ContactRef | None = None
    started_at: Moment | None = None
    ended_at: Moment | None = None
    duration_seconds: Seconds | None = None
    outcome: Outcome | None = None
    notes: Notes = ""
    recording_url: WebAddress | None = None
    external_id: ExternalId | None = None
    links: Links = Field(default_factory=list)


class CallCreate(CallReplace):
    """A call to log."""


class CallPatch(Patch):
    """Only the fields to change; ``links`` are replaced as a whole."""

    direction: CallDirection = NOT_GIVEN
    status: CallStatus = NOT_GIVEN
    phone_number: PhoneNumber | None = None
    contact_name: ContactName | None = None
    contact_ref: ContactRef | None = None
    started_at: Moment | None = None
    ended_at: Moment | None = None
    duration_seconds: Seconds | None = None
    outcome: Outcome | None = None
    notes: Notes = NOT_GIVEN
    recording_url: WebAddress | None = None
    external_id: ExternalId | None = None
    links: Links = NOT_GIVEN


class DayOfCalls(Shape):
    """What one person logged for one day. Durations are those of completed calls; the average is null without any."""

    day: date
    user_id: UUID | None
    total: int = Field(examples=[3])
    by_status: dict[CallStatus, int]
    by_direction: dict[CallDirection, int]
    total_duration_seconds: int = Field(examples=[600])
    average_duration_seconds: float | None = Field(examples=[300.0])


class CallStatistics(Shape):
    """Days and people with calls, in that order; days without any are left out."""

    first_day: date
    last_day: date
    time_zone: str = Field(examples=["Europe/Athens"])
    items: list[DayOfCalls]
