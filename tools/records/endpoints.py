"""The query parameters that all lists of records have."""

from __future__ import annotations

from typing import Annotated, TypedDict
from uuid import UUID

from fastapi import Depends, Query
from pydantic import StringConstraints

from tools.records.schemas import RelatedId, RelatedType, Tag


class RecordFilters(TypedDict):
    """What a list of records can be narrowed by, as ``record_conditions`` and ``list_records`` take it."""

    related_type: str | None
    related_id: str | None
    created_by: UUID | None
    deleted: bool


async def record_filters(
    related_type: Annotated[RelatedType | None, Query(description="Linked with an object of this type.")] = None,
    related_id: Annotated[RelatedId | None, Query(description="Linked with the object of this id.")] = None,
    created_by: Annotated[UUID | None, Query(description="Made by this user.")] = None,
    deleted: Annotated[bool, Query(description="What was deleted, and you may restore, instead.")] = False,
) -> RecordFilters:
    """The filters, read from the query."""
    return {"related_type": related_type, "related_id": related_id, "created_by": created_by, "deleted": deleted}


Filters = Annotated[RecordFilters, Depends(record_filters)]
"""The filters that all lists of records have."""


async def tag_filter(
    tags: Annotated[tuple[Tag, ...], Query(description="Has this tag; repeated, has all of them.")] = (),
    tag: Annotated[tuple[Tag, ...], Query(description="The same.")] = (),
) -> tuple[Tag, ...]:
    """The tags that are asked for: of several, as the field is called, or of one."""
    return (*tags, *tag)


TagFilter = Annotated[tuple[Tag, ...], Depends(tag_filter)]
"""The tags a record must have."""

KindFilter = Annotated[
    tuple[Annotated[str, StringConstraints(max_length=32)], ...],
    Query(description="Only records of this kind, such as `note` or `task`; repeated, of any of these."),
]
"""The kinds that a list of several shall show; all without it."""
