"""The rules of what the public reads: a page, and a validator that is known before the page is."""

from __future__ import annotations

import hashlib
from typing import Final

from common.paging import ListQuery
from database import ReadUnit
from tools.reviews.public import queries
from tools.reviews.public.schemas import PublicReview, PublicReviews
from tools.reviews.schemas import ReviewSummary

FORMAT: Final = 1  # to be counted up when the answer's shape changes, or old copies would stay


def etag_of(*asked_and_versions: object) -> str:
    """The ETag of what was asked, at the versions of its subjects. What was asked names the tenant, so that a cache
    that has overlooked ``Vary`` is not told that one tenant's page is still another's."""
    return f'"{hashlib.sha256(repr((FORMAT, asked_and_versions)).encode()).hexdigest()[:32]}"'


async def list_published(unit: ReadUnit, query: ListQuery, summary: ReviewSummary) -> PublicReviews:
    """A page of a subject's approved reviews, newest first."""
    found = await queries.list_published(unit, summary.subject_type, summary.subject_id, query)
    return PublicReviews(
        items=[PublicReview.model_validate(row) for row in found.rows],
        next_cursor=found.next_cursor,
        total=summary.count,
        summary=summary,
    )
