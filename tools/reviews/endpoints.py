"""``/tools/reviews``: reviews as the staff sees them, moderation, and the summaries."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from common.enums import ReviewStatus
from common.http.mounting import join
from dependencies import Listing, Obeyed, Read, ReplicaRead, Replying, Requires, Route, Write
from shared_auth import Principal
from shared_models import Page
from tools.records.endpoints import Filters
from tools.reviews import service, summaries
from tools.reviews.filters import ReviewFilters
from tools.reviews.public import endpoints as public
from tools.reviews.requests import endpoints as requests
from tools.reviews.schemas import (
    Rejection,
    Review,
    ReviewCreate,
    ReviewPatch,
    ReviewReplace,
    ReviewReply,
    ReviewSummary,
    Source,
    SubjectId,
    SubjectType,
)

records = APIRouter(prefix="/tools/reviews", tags=["reviews"], route_class=Route)

ReviewsReader = Annotated[Principal, Depends(Requires("reviews:read"))]
ReviewsCreator = Annotated[Principal, Depends(Requires("reviews:create"))]
ReviewsEditor = Annotated[Principal, Depends(Requires("reviews:update"))]
ReviewsDeleter = Annotated[Principal, Depends(Requires("reviews:delete"))]
ReviewsModerator = Annotated[Principal, Depends(Requires("reviews:moderate"))]
NO_REASON: Final = Rejection()
Stars = Annotated[int | None, Query(ge=1, le=5)]


async def review_filters(  # noqa: PLR0917 - FastAPI calls it by keyword
    status: Annotated[tuple[ReviewStatus, ...], Query(description="Repeated: any of these.")] = (),
    subject_type: Annotated[SubjectType | None, Query()] = None,
    subject_id: Annotated[SubjectId | None, Query()] = None,
    rating: Stars = None,
    rating_min: Stars = None,
    rating_max: Stars = None,
    is_verified: Annotated[bool | None, Query()] = None,
    has_reply: Annotated[bool | None, Query()] = None,
    source: Annotated[Source | None, Query()] = None,
) -> ReviewFilters:
    """The filters, read from the query."""
    return ReviewFilters(
        *(status, subject_type, subject_id, rating, rating_min, rating_max, is_verified, has_reply, source)
    )


@records.get("", summary="List reviews")
async def list_reviews(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    actor: ReviewsReader,
    listing: Listing,
    reply: Replying,
    filters: Filters,
    wanted: Annotated[ReviewFilters, Depends(review_filters)],
) -> Page[Review]:
    """Reviews you may read, newest first. `q` searches title, body, and the reviewer's name and address. Sort by
    `created_at`, `updated_at` or `rating`. A review is about its subject too: `related_type` and `related_id` together
    find it by that as by its links."""
    return reply.page(await service.list_reviews(unit, actor, listing, wanted, **filters))


@records.post("", status_code=201, summary="Create a review")
async def create_review(
    unit: Write, actor: ReviewsCreator, payload: ReviewCreate, reply: Replying, settings: Obeyed
) -> Review:
    """Writes down what a customer said, or brings it from elsewhere. It is `pending` until somebody approves it, and
    never `is_verified`: for that, ask the customer with `POST /tools/reviews/requests`."""
    return reply.created(await service.create_review(unit, actor, payload, settings))


@records.get("/summary", summary="Summary of a subject's reviews", responses={304: {"description": "Not Modified"}})
async def get_review_summary(
    unit: ReplicaRead,
    _actor: ReviewsReader,
    subject_type: Annotated[SubjectType, Query()],
    subject_id: Annotated[SubjectId, Query()],
    reply: Replying,
) -> ReviewSummary:
    """How many approved reviews there are, of which ratings, and their average: zeros for a subject without any."""
    summary, version = await summaries.get_summary(unit, subject_type, subject_id)
    reply.validate(f'"v{version}"')
    return summary


@records.get("/{review_id}", summary="Get a review")
async def get_review(unit: Read, actor: ReviewsReader, review_id: UUID, reply: Replying) -> Review:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_review(unit, actor, review_id))


@records.put("/{review_id}", summary="Replace a review's fields")
async def replace_review(
    unit: Write, actor: ReviewsEditor, review_id: UUID, payload: ReviewReplace, reply: Replying
) -> Review:
    """Sets every editable field; what is left out gets its default. Nobody changes what a verified customer said: 409
    `review_verified`."""
    return reply.tag(await service.change_review(unit, actor, review_id, payload, reply.expected_version))


@records.patch("/{review_id}", summary="Change some of a review's fields")
async def update_review(
    unit: Write, actor: ReviewsEditor, review_id: UUID, payload: ReviewPatch, reply: Replying
) -> Review:
    """Sets the fields given and leaves the others. An approved review whose published words change is `pending` again,
    unless you may moderate. Nobody changes what a verified customer said: 409 `review_verified`."""
    return reply.tag(await service.change_review(unit, actor, review_id, payload, reply.expected_version))


@records.delete("/{review_id}", status_code=204, summary="Delete a review")
async def delete_review(unit: Write, actor: ReviewsDeleter, review_id: UUID, reply: Replying) -> None:
    """It can be restored: `?deleted=true` lists what was deleted."""
    await service.delete_review(unit, actor, review_id, reply.expected_version)


@records.post("/{review_id}/restore", summary="Restore a deleted review")
async def restore_review(unit: Write, actor: ReviewsDeleter, review_id: UUID, reply: Replying) -> Review:
    """For whoever may delete it, with the status that it had. 404 unless it is deleted."""
    return reply.tag(await service.restore_review(unit, actor, review_id))


@records.post("/{review_id}/approve", summary="Approve a review")
async def approve_review(unit: Write, actor: ReviewsModerator, review_id: UUID, reply: Replying) -> Review:
    """Everybody can read it from now on, and it counts in its subject's summary."""
    return reply.tag(await service.approve_review(unit, actor, review_id, reply.expected_version))


@records.post("/{review_id}/reject", summary="Reject a review")
async def reject_review(
    unit: Write, actor: ReviewsModerator, review_id: UUID, reply: Replying, payload: Rejection = NO_REASON
) -> Review:
    """Nobody but the staff can read it from now on. `spam` says that it is no opinion at all."""
    return reply.tag(await service.reject_review(unit, actor, review_id, payload, reply.expected_version))


@records.post("/{review_id}/reopen", summary="Reopen a review")
async def reopen_review(unit: Write, actor: ReviewsModerator, review_id: UUID, reply: Replying) -> Review:
    """It is `pending` again, whatever was decided."""
    return reply.tag(await service.reopen_review(unit, actor, review_id, reply.expected_version))


@records.post("/{review_id}/reply", summary="Reply to a review")
async def reply_to_review(
    unit: Write, actor: ReviewsModerator, review_id: UUID, payload: ReviewReply, reply: Replying
) -> Review:
    """Everybody can read the reply beside the review, which must be approved: 409 `review_not_approved`. An empty one
    takes the reply away, at any time."""
    return reply.tag(await service.reply_to_review(unit, actor, review_id, payload, reply.expected_version))


# In this order: `public` and `requests` are words, not ids of reviews.
router = join((public.router, requests.router, records))
