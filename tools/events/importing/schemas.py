"""What became of the entries of a calendar file."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from shared_models import Shape


class EntryStatus(StrEnum):
    """What became of an entry. ``skipped`` is what you imported before, or what the file has twice."""

    CREATED = "created"
    WOULD_CREATE = "would_create"
    SKIPPED = "skipped"
    ERROR = "error"


class EntryResult(Shape):
    """One VEVENT of the file, in its order; one that changes an occurrence of another counts with that."""

    position: int = Field(description="From 1, among the VEVENTs.")
    uid: str | None
    title: str | None = Field(examples=["Meeting the guide"])
    status: EntryStatus
    event_id: UUID | None = None
    code: str | None = Field(default=None, examples=["schedule_invalid"])
    message: str | None = None


class EventsImportReport(Shape):
    """One result for each entry."""

    dry_run: bool
    created: int
    skipped: int
    errors: int
    items: list[EntryResult]
