"""The shapes of comments."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from shared_models import Payload, PlainText, Shape, Timestamp
from tools.records.schemas import NOT_GIVEN

Body = Annotated[
    PlainText, StringConstraints(min_length=1, max_length=10_000), Field(examples=["@maria, the driver called."])
]


class Mention(Shape):
    """A user whom a comment names as ``@username``, and who may read the task."""

    id: UUID
    username: str = Field(examples=["maria"])


class Comment(Shape):
    """What somebody said about a task. ``created_by`` is null once that person's account is gone for good."""

    id: UUID
    task_id: UUID
    created_by: UUID | None
    body: str = Field(examples=["@maria, the driver called."])
    mentions: list[Mention]
    created_at: Timestamp
    updated_at: Timestamp
    version: int = Field(examples=[1])


class CommentReplace(Payload):
    """All that can be edited of a comment."""

    body: Body


class CommentCreate(CommentReplace):
    """A new comment."""


class CommentPatch(Payload):
    """Only the fields to change."""

    body: Body = NOT_GIVEN
