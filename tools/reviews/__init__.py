"""What customers say about subjects of other services: moderated, answered, summed up, shown to the public."""

from __future__ import annotations

from common.errors import ReviewRequestPending
from tools.records.resource import Resource
from tools.reviews.endpoints import router
from tools.reviews.kind import REVIEW
from tools.reviews.requests.jobs import send_review_request
from tools.reviews.requests.service import MAIL

RESOURCE = Resource(
    router,
    REVIEW,
    job_handlers={MAIL: send_review_request},
    constraints={"uq_review_requests_open": ReviewRequestPending},
)

__all__ = ["RESOURCE"]
