"""The shape of a timeline's items."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from shared_models import Shape, Timestamp


class TimelineItem(Shape):
    """A record of some kind, as much of it as a timeline shows; the rest is where ``kind`` and ``id`` say."""

    kind: str = Field(examples=["note"])
    id: UUID
    title: str | None = Field(examples=["Vegetarian meals"])
    excerpt: str = Field(description="The beginning of its text.", examples=["Both guests, **no nuts**."])
    created_by: UUID | None
    created_at: Timestamp
    updated_at: Timestamp
