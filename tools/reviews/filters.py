"""What a list of reviews can be narrowed by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.enums import ReviewStatus
from tools.records.kinds import Condition
from tools.records.queries import exactly
from tools.reviews.kind import REVIEW

EXACT: Final = ("subject_type", "subject_id", "rating", "is_verified", "source")


@dataclass(frozen=True, slots=True)
class ReviewFilters:
    """None, or no status, is no filter."""

    statuses: tuple[ReviewStatus, ...] = ()
    subject_type: str | None = None
    subject_id: str | None = None
    rating: int | None = None
    rating_min: int | None = None
    rating_max: int | None = None
    is_verified: bool | None = None
    has_reply: bool | None = None
    source: str | None = None


def review_conditions(wanted: ReviewFilters) -> list[Condition]:
    """The same as SQL."""
    columns = REVIEW.table.c
    found = exactly(columns, **{name: getattr(wanted, name) for name in EXACT})
    if wanted.statuses:
        found.append(columns.status.in_(wanted.statuses))
    if wanted.rating_min is not None:
        found.append(columns.rating >= wanted.rating_min)
    if wanted.rating_max is not None:
        found.append(columns.rating <= wanted.rating_max)
    if wanted.has_reply is not None:
        found.append(columns.reply.is_not(None) if wanted.has_reply else columns.reply.is_(None))
    return found
