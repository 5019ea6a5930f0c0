"""The shapes of invitations."""

from __future__ import annotations

from pydantic import Field

from common.enums import AttendeeResponse, EventStatus
from shared_models import Shape, Timestamp


class EventInvitation(Shape):
    """What somebody with a mailed link sees of an event, and what he answered."""

    title: str = Field(examples=["Meeting the guide"])
    location: str | None
    starts_at: Timestamp
    ends_at: Timestamp
    all_day: bool
    timezone: str = Field(examples=["Europe/Athens"])
    rrule: str | None
    status: EventStatus
    join_url: str | None
    response: AttendeeResponse
    comment: str | None
