"""``/tools/reviews/requests``, and ``/tools/reviews/submit/{token}`` for those who were asked."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from dependencies import Listing, Obeyed, Read, ReplicaRead, Replying, Requires, Route, Write
from serving.visit import Visit
from shared_auth import Principal
from shared_models import Page
from tools.reviews.requests import answers, service
from tools.reviews.requests.guards import HasReviewLink
from tools.reviews.requests.schemas import (
    RequestStatus,
    ReviewForm,
    ReviewRequest,
    ReviewRequestCreate,
    ReviewSubmission,
    SubmittedReview,
)
from tools.reviews.requests.tokens import MAX_LENGTH
from tools.reviews.schemas import SubjectId, SubjectType

router = APIRouter(prefix="/tools/reviews", tags=["reviews"], route_class=Route)

RequestsReader = Annotated[Principal, Depends(Requires("reviews:read"))]
RequestsCreator = Annotated[Principal, Depends(Requires("reviews:create"))]
RequestsDeleter = Annotated[Principal, Depends(Requires("reviews:delete"))]
LinkVisit = Annotated[Visit, Depends(HasReviewLink())]
Token = Annotated[str, Path(max_length=MAX_LENGTH, description="The `token` of the mailed link.")]
NEVER_KEPT = {"Cache-Control": "no-store"}  # the address is a secret


@router.get("/requests", summary="List requests for reviews")
async def list_review_requests(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    actor: RequestsReader,
    listing: Listing,
    reply: Replying,
    status: RequestStatus | None = None,
    subject_type: Annotated[SubjectType | None, Query()] = None,
    subject_id: Annotated[SubjectId | None, Query()] = None,
) -> Page[ReviewRequest]:
    """All that were ever sent, as far as your permission reaches, newest first. `q` searches addresses and names. Sort
    by `created_at` or `expires_at`."""
    wanted = {"subject_type": subject_type, "subject_id": subject_id}
    return reply.page(await service.list_requests(unit, actor, listing, status, **wanted))


@router.post("/requests", status_code=201, summary="Ask for a review")
async def create_review_request(
    unit: Write, actor: RequestsCreator, payload: ReviewRequestCreate, reply: Replying, settings: Obeyed
) -> ReviewRequest:
    """Mails a link that is good for one review. Who has a good one about the subject already: 409
    `review_request_pending`."""
    return reply.created(await service.create_request(unit, actor, payload, settings))


@router.get("/requests/{request_id}", summary="Get a request for a review")
async def get_review_request(unit: Read, actor: RequestsReader, request_id: UUID, reply: Replying) -> ReviewRequest:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_request(unit, actor, request_id))


@router.post("/requests/{request_id}/resend", status_code=202, summary="Mail a request again")
async def resend_review_request(
    unit: Write, actor: RequestsCreator, request_id: UUID, reply: Replying
) -> ReviewRequest:
    """Another link, good for as long again; the one before is worthless at once. Also after the request has expired;
    409 `review_request_closed` once it was used or revoked."""
    return reply.tag(await service.resend_request(unit, actor, request_id, reply.expected_version))


@router.delete("/requests/{request_id}", status_code=204, summary="Revoke a request")
async def revoke_review_request(unit: Write, actor: RequestsDeleter, request_id: UUID, reply: Replying) -> None:
    """The mailed link is worthless at once; the request stays in the list as revoked."""
    await service.revoke_request(unit, actor, request_id, reply.expected_version)


@router.get("/submit/{token}", summary="Get the form of a mailed link")
async def get_review_form(visit: LinkVisit, token: Token) -> ReviewForm:
    """What the link asks about. Looking uses nothing up, however often. A link that was used, revoked, replaced or has
    expired: 400 `token_invalid`. No tenant header is needed; one that is sent must agree."""
    visit.headers |= NEVER_KEPT
    return await answers.get_form(visit, token)


@router.post("/submit/{token}", status_code=201, summary="Submit a review")
async def submit_review(visit: LinkVisit, token: Token, payload: ReviewSubmission, reply: Replying) -> SubmittedReview:
    """Makes the review, once: of many who send at the same moment one wins, the others get 400 `token_invalid`. What is
    refused does not use up the link. The review waits for moderation, unless `reviews.auto_approve` is set."""
    visit.headers |= NEVER_KEPT
    return reply.created(await answers.submit_review(visit, token, payload), below="/api/v1/tools/reviews")
