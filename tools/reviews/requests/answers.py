"""Answering a request: looking at the form as often as one likes, sending it once."""

from __future__ import annotations

from common.clock import now
from common.enums import ReviewStatus
from common.errors import TokenInvalid
from serving.visit import Visit
from tools.declarations import AUTO_APPROVE
from tools.records import service
from tools.reviews.kind import REVIEW
from tools.reviews.requests import queries
from tools.reviews.requests.schemas import ReviewForm, ReviewSubmission, SubmittedReview
from tools.reviews.requests.tokens import digest_of
from tools.reviews.summaries import count_change
from users import spend_open_request

SOURCE = "request"


async def get_form(visit: Visit, token: str) -> ReviewForm:
    """What a good link asks about. Uses nothing up: mail scanners and previews follow every link. Raises
    TokenInvalid."""
    await spend_open_request(visit)
    async with visit.read() as unit:
        request = await queries.find_by_token(unit, digest_of(token), now())
    if request is None:
        raise TokenInvalid
    return ReviewForm.model_validate(request)


async def submit_review(visit: Visit, token: str, payload: ReviewSubmission) -> SubmittedReview:
    """Make the review of whoever got the link by mail. Raises TokenInvalid. Of many who use it at once, one wins."""
    await spend_open_request(visit)
    async with visit.write() as unit:
        request = await queries.use_request(unit, digest_of(token), now())
        if request is None:
            raise TokenInvalid
        values = {
            "subject_type": request.subject_type,
            "subject_id": request.subject_id,
            "rating": payload.rating,
            "title": payload.title,
            "body": payload.body,
            "reviewer_name": payload.reviewer_name or request.reviewer_name,
            "reviewer_email": request.reviewer_email,
            "status": ReviewStatus.APPROVED if visit.settings[AUTO_APPROVE] else ReviewStatus.PENDING,
            "is_verified": True,
            "source": SOURCE,
        }
        review_id = await service.create_record(unit, REVIEW, values, visit.settings, created_by=None)
        await queries.note_review(unit, request.id, review_id)
        row = await service.get_written(unit, REVIEW, review_id)
        await count_change(unit, None, row)
        return SubmittedReview.model_validate(row)
