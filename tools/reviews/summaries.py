"""What the approved reviews of a subject come to, kept up by every change of one instead of counted anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from common.enums import ReviewStatus
from database import ReadUnit, WriteUnit
from tools.reviews import queries
from tools.reviews.schemas import ReviewSummary


async def get_summary(unit: ReadUnit, subject_type: str, subject_id: str) -> tuple[ReviewSummary, int]:
    """The summary of a subject, all zeros for one without reviews, and its version."""
    (found,) = await list_summaries(unit, subject_type, [subject_id])
    return found


async def list_summaries(
    unit: ReadUnit, subject_type: str, subject_ids: Sequence[str]
) -> list[tuple[ReviewSummary, int]]:
    """The same of many, in the order in which they are asked for."""
    rows = await queries.find_summaries(unit, subject_type, subject_ids)
    return [_summarize(rows.get(subject_id), subject_type, subject_id) for subject_id in subject_ids]


def _summarize(row: Row[Any] | None, subject_type: str, subject_id: str) -> tuple[ReviewSummary, int]:
    counts = {stars: getattr(row, f"rating_{stars}", 0) for stars in queries.STARS}
    count = sum(counts.values())
    total = sum(stars * number for stars, number in counts.items())
    summary = ReviewSummary(
        subject_type=subject_type,
        subject_id=subject_id,
        count=count,
        average=round(total / count, 2) if count else None,
        histogram={str(stars): number for stars, number in counts.items()},
    )
    return summary, row.version if row is not None else 0


async def count_change(unit: WriteUnit, before: Row[Any] | None, after: Row[Any] | None) -> None:
    """Bring the summaries up to date with a review that was made, changed or deleted. The review is locked already.

    A change that moves no count, such as a reply, is counted as one of what is published all the same. Two subjects
    are locked in one order, so that two reviews that change places do not wait for each other.
    """
    shifts: dict[tuple[str, str], Counter[int]] = {}
    for row, step in ((before, -1), (after, 1)):
        if row is not None and _is_published(row):
            shifts.setdefault((row.subject_type, row.subject_id), Counter())[row.rating] += step
    for subject in sorted(shifts):
        await queries.shift_summary(unit, subject, shifts[subject])


def _is_published(row: Row[Any]) -> bool:
    return row.status == ReviewStatus.APPROVED and row.deleted_at is None
