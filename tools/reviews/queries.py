"""The SQL of reviews that other records do not have: the summaries of subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert

from database import ReadUnit, WriteUnit
from shared_auth import Principal
from tools.models import ReviewSummary
from tools.records.queries import reach
from tools.reviews.kind import REVIEW

_summaries: Any = ReviewSummary.__table__
_reviews: Any = REVIEW.table
STARS: Final = (1, 2, 3, 4, 5)


async def may_moderate(unit: ReadUnit, actor: Principal, review_id: UUID) -> bool:
    """Whether somebody may decide about this review, of all that he may decide about."""
    found = select(_reviews.c.id).where(_reviews.c.id == review_id, reach(REVIEW, actor, "moderate"))
    return (await unit.execute(found)).one_or_none() is not None


async def find_summaries(unit: ReadUnit, subject_type: str, subject_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """The counts of those subjects that ever had a published review, by their ids."""
    columns = _summaries.c
    wanted = (columns.subject_type == subject_type, columns.subject_id.in_(subject_ids))
    return {row.subject_id: row for row in await unit.execute(select(*columns).where(*wanted))}


async def shift_summary(unit: WriteUnit, subject: tuple[str, str], shifts: Mapping[int, int]) -> None:
    """Add to a subject's counts, or take from them, and count its version up.

    One statement, whose lock on the row makes those who count at the same time wait for each other. Its INSERT is for
    the first published review: before that there is nothing to take from.
    """
    columns = _summaries.c
    first = {f"rating_{stars}": max(shifts.get(stars, 0), 0) for stars in STARS}
    then = {f"rating_{stars}": columns[f"rating_{stars}"] + shift for stars, shift in shifts.items()}
    await unit.execute(
        insert(_summaries)
        .values(subject_type=subject[0], subject_id=subject[1], **first)
        .on_conflict_do_update(
            index_elements=[columns.subject_type, columns.subject_id],
            set_={**then, "version": columns.version + 1},
        )
    )
