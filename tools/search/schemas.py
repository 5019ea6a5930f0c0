"""The shape of what a search finds."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from shared_models import Shape, Timestamp


class SearchHit(Shape):
    """A record in which the words were found; the rest of it is where ``kind`` and ``id`` say."""

    kind: str = Field(examples=["note"])
    id: UUID
    title: str | None = Field(examples=["Vegetarian meals"])
    excerpt: str = Field(description="Where the words are in its text: plain text.", examples=["Both guests, no nuts."])
    rank: float = Field(description="How well it fits: comparable within one answer.", examples=[0.61])
    created_by: UUID | None
    created_at: Timestamp
    updated_at: Timestamp
