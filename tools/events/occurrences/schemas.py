"""The shapes of occurrences."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from common.enums import EventStatus
from shared_models import Page, Payload, Shape, Timestamp
from tools.events.schemas import EventTime, EventTitle, Location


class Occurrence(Shape):
    """One time that an event takes place. ``original_starts_at`` names it, also once it was moved; a single event has
    none."""

    event_id: UUID
    original_starts_at: Timestamp | None
    title: str = Field(examples=["Meeting the guide"])
    location: str | None
    starts_at: Timestamp
    ends_at: Timestamp
    all_day: bool
    timezone: str = Field(examples=["Europe/Athens"])
    status: EventStatus
    join_url: str | None
    created_by: UUID | None
    is_changed: bool


class Occurrences(Page[Occurrence]):
    """All that happens in a window, the earliest first: always one page, so that ``total`` costs nothing."""


class OccurrenceReplace(Payload):
    """How one occurrence differs. What is left out is as in the event; with nothing at all it does not differ any
    more."""

    title: EventTitle | None = None
    location: Location | None = None
    starts_at: EventTime | None = None
    ends_at: EventTime | None = None
    status: EventStatus | None = Field(default=None, description="`cancelled`: it is shown, and does not take place.")

    @model_validator(mode="after")
    def _has_whole_time(self) -> Self:
        if (self.starts_at is None) != (self.ends_at is None):
            raise ValueError("needs both starts_at and ends_at, or neither")
        return self


class Busy(Shape):
    """From when to when somebody has something."""

    starts_at: Timestamp
    ends_at: Timestamp


class FreeBusy(Shape):
    """When one user is busy: intervals that neither overlap nor touch."""

    user_id: UUID
    busy: list[Busy]


class FreeBusyList(Shape):
    """One for each user asked for."""

    items: list[FreeBusy]


class Window(Shape):
    """From one moment to just before another."""

    low: datetime
    high: datetime
