"""The shapes that all records share."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from shared_models import Payload, PlainText, Shape, Timestamp
from tools.models import MAX_TAG_LENGTH, MAX_TAGS

MAX_LINKS: Final = 50
NOT_GIVEN: Any = None
"""The default of a field that may be left out of a PATCH but not be null. It is never read: only given fields are."""


class Patch(Payload):
    """Base of what changes a record's given fields; of all other payloads, every field is written."""


def fields_of(payload: Payload) -> dict[str, Any]:
    """The fields to write: all, or those that a patch gives."""
    return payload.model_dump(exclude_unset=isinstance(payload, Patch))


class Link(Shape, Payload):
    """A reference to an object of another service: free text, which this service does not look up."""

    type: Annotated[PlainText, StringConstraints(min_length=1, max_length=64)] = Field(examples=["booking"])
    id: Annotated[PlainText, StringConstraints(min_length=1, max_length=128)] = Field(examples=["BK-1"])


def _distinct_links(links: list[Link]) -> list[Link]:
    """Each once, in the order in which they are shown."""
    return sorted(set(links), key=lambda link: (link.type, link.id))


def _distinct_tags(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


Links = Annotated[list[Link], Field(max_length=MAX_LINKS), AfterValidator(_distinct_links)]
Tag = Annotated[PlainText, StringConstraints(min_length=1, max_length=MAX_TAG_LENGTH), Field(examples=["vip"])]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS, examples=[["vip"]]), AfterValidator(_distinct_tags)]
Title = Annotated[PlainText, StringConstraints(min_length=1, max_length=200)]
RelatedType = Annotated[str, StringConstraints(max_length=64)]
RelatedId = Annotated[str, StringConstraints(max_length=128)]


class Record(Shape):
    """What every record answers. ``created_by`` is null once that person's account is gone for good."""

    id: UUID
    created_by: UUID | None
    created_at: Timestamp
    updated_at: Timestamp
    deleted_at: Timestamp | None
    version: int = Field(examples=[1])
    links: list[Link]
