"""The shapes of calendar feeds."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from common.enums import FeedScope
from shared_models import Payload, PlainText, Shape, Timestamp

FeedName = Annotated[PlainText, StringConstraints(max_length=200), Field(examples=["My calendar"])]


def _some(include: list[str]) -> list[str]:
    if not include or not set(include) <= {"events", "tasks"}:
        raise ValueError("must name events, tasks, or both")
    return sorted(set(include))


Include = Annotated[list[str], Field(max_length=10, examples=[["events", "tasks"]]), AfterValidator(_some)]


class FeedCreate(Payload):
    """A new feed. ``mine`` is what you made, are invited to or are to do; ``readable`` all that you may read."""

    name: FeedName = ""
    include: Include = Field(default_factory=lambda: ["events", "tasks"])
    scope: FeedScope = FeedScope.MINE


class Feed(Shape):
    """A feed, without its address, which nobody knows any more."""

    id: UUID
    name: str = Field(examples=["My calendar"])
    include: list[str] = Field(examples=[["events", "tasks"]])
    scope: FeedScope
    created_at: Timestamp


class FeedWithAddress(Feed):
    """A new feed. ``url`` is its address, relative to that of the service, and shown only now."""

    url: str = Field(examples=["/api/v1/tools/events/feeds/acme.pW9xN3f0.ics"])
