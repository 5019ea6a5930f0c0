"""The SQL of what the public reads."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select

from common.enums import ReviewStatus
from common.paging import ListQuery, Order, Slice, fetch_slice
from database import ReadUnit
from tools.reviews.kind import REVIEW
from tools.reviews.public.schemas import PublicReview

_reviews: Any = REVIEW.table
ORDER: Final = Order({"created_at": _reviews.c.created_at}, _reviews.c.id)


async def list_published(unit: ReadUnit, subject_type: str, subject_id: str, query: ListQuery) -> Slice:
    """A page of a subject's approved reviews, newest first, in the columns that the public may see."""
    columns = _reviews.c
    statement = select(*(columns[name] for name in PublicReview.model_fields)).where(
        columns.subject_type == subject_type,
        columns.subject_id == subject_id,
        columns.status == ReviewStatus.APPROVED,
        columns.deleted_at.is_(None),
    )
    return await fetch_slice(unit, statement, ORDER, query)
