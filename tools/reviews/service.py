"""The rules of reviews: who says what, what moderation decides, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.clock import now
from common.enums import ReviewStatus
from common.errors import ReviewNotApproved, ReviewVerified
from common.paging import ListQuery
from common.registry import Effective
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from shared_models import Page, page_of
from tools.records import queries, service
from tools.records.schemas import fields_of
from tools.reviews import queries as reviews
from tools.reviews.filters import ReviewFilters, review_conditions
from tools.reviews.kind import REVIEW
from tools.reviews.schemas import Rejection, Review, ReviewCreate, ReviewPatch, ReviewReplace, ReviewReply
from tools.reviews.summaries import count_change

ORDER: Final = queries.order_of(REVIEW, "rating")
# What a customer said by a link of his own. Nobody puts other words into his mouth.
SAID: Final = ("subject_type", "subject_id", "rating", "title", "body", "source")
# What everybody reads of an approved review.
PUBLISHED: Final = ("subject_type", "subject_id", "rating", "title", "body", "reviewer_name")


async def list_reviews(
    unit: ReadUnit, actor: Principal, query: ListQuery, wanted: ReviewFilters, *, deleted: bool, **filters: Any
) -> Page[Review]:
    """A page of reviews, newest first."""
    conditions = [*queries.record_conditions(REVIEW, query, **filters), *review_conditions(wanted)]
    found = await queries.list_records(unit, REVIEW, actor, query, order=ORDER, conditions=conditions, deleted=deleted)
    return page_of(Review, found)


async def get_review(unit: ReadUnit, actor: Principal, review_id: UUID) -> Review:
    """One review. Raises NotFound."""
    return Review.model_validate(await service.get_record(unit, REVIEW, actor, review_id))


async def create_review(unit: WriteUnit, actor: Principal, payload: ReviewCreate, settings: Effective) -> Review:
    """A new review, which waits for moderation."""
    review_id = await service.create_record(unit, REVIEW, payload.model_dump(), settings, created_by=actor.user_id)
    return Review.model_validate(await service.get_written(unit, REVIEW, review_id))


async def change_review(
    unit: WriteUnit,
    actor: Principal,
    review_id: UUID,
    payload: ReviewReplace | ReviewPatch,
    expected_version: int | None,
) -> Review:
    """Set all editable fields, or those of a patch. Raises ReviewVerified."""
    values = fields_of(payload)
    before = await service.begin_change(unit, REVIEW, actor, review_id, expected_version=expected_version)
    if before.is_verified and (_differs(before, values, SAID) or _renames(before, values)):
        raise ReviewVerified
    republished = before.status == ReviewStatus.APPROVED and _differs(before, values, PUBLISHED)
    if republished and not await reviews.may_moderate(unit, actor, review_id):
        # Otherwise whoever got one sentence approved could publish any other.
        values = {**values, "status": ReviewStatus.PENDING}
    return await _finish(unit, before, values, "updated")


async def delete_review(unit: WriteUnit, actor: Principal, review_id: UUID, expected_version: int | None) -> None:
    """Delete a review, which can be restored."""
    before = await service.delete_record(unit, REVIEW, actor, review_id, expected_version)
    await count_change(unit, before, None)


async def restore_review(unit: WriteUnit, actor: Principal, review_id: UUID) -> Review:
    """Bring a deleted review back, with the status that it had."""
    before = await service.restore_record(unit, REVIEW, actor, review_id)
    return await _written(unit, before)


async def approve_review(unit: WriteUnit, actor: Principal, review_id: UUID, expected_version: int | None) -> Review:
    """Show a review to everybody."""
    before = await _begin_moderation(unit, actor, review_id, expected_version)
    return await _finish(unit, before, {"status": ReviewStatus.APPROVED, "rejection_reason": None}, "approved")


async def reject_review(
    unit: WriteUnit, actor: Principal, review_id: UUID, payload: Rejection, expected_version: int | None
) -> Review:
    """Show a review to nobody, and say why."""
    before = await _begin_moderation(unit, actor, review_id, expected_version)
    status = ReviewStatus.SPAM if payload.spam else ReviewStatus.REJECTED
    return await _finish(unit, before, {"status": status, "rejection_reason": payload.reason}, "rejected")


async def reopen_review(unit: WriteUnit, actor: Principal, review_id: UUID, expected_version: int | None) -> Review:
    """Have a review wait for moderation again."""
    before = await _begin_moderation(unit, actor, review_id, expected_version)
    return await _finish(unit, before, {"status": ReviewStatus.PENDING, "rejection_reason": None}, "reopened")


async def reply_to_review(
    unit: WriteUnit, actor: Principal, review_id: UUID, payload: ReviewReply, expected_version: int | None
) -> Review:
    """Answer a review in public, or take the answer away. Raises ReviewNotApproved for one that nobody would see."""
    before = await _begin_moderation(unit, actor, review_id, expected_version)
    reply = payload.reply or None
    if reply is not None and before.status != ReviewStatus.APPROVED:
        raise ReviewNotApproved
    if reply == before.reply:
        return Review.model_validate(before)
    return await _finish(unit, before, {"reply": reply, "replied_at": now() if reply else None}, "replied")


def _differs(before: Row[Any], values: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return any(values[name] != getattr(before, name) for name in names if name in values)


def _renames(before: Row[Any], values: Mapping[str, Any]) -> bool:
    """Whether somebody else is to have said it. Taking the name out, at its owner's wish, is no such thing."""
    given = {name: value for name, value in values.items() if value is not None}
    return _differs(before, given, ("reviewer_name", "reviewer_email"))


async def _begin_moderation(
    unit: WriteUnit, actor: Principal, review_id: UUID, expected_version: int | None
) -> Row[Any]:
    return await service.begin_change(
        unit, REVIEW, actor, review_id, expected_version=expected_version, action="moderate"
    )


async def _finish(unit: WriteUnit, before: Row[Any], values: Mapping[str, Any], verb: str) -> Review:
    if not await service.finish_change(unit, REVIEW, before, values, verb=verb):
        return Review.model_validate(before)
    return await _written(unit, before)


async def _written(unit: WriteUnit, before: Row[Any]) -> Review:
    after = await service.get_written(unit, REVIEW, before.id)
    await count_change(unit, before, after)
    return Review.model_validate(after)
