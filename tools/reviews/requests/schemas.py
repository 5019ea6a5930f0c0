"""The shapes of requests for reviews, and of the reviews that answer them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from common.enums import ReviewStatus
from shared_models import Payload, PlainText, Shape, Timestamp
from tools.reviews.schemas import Rating, ReviewBody, ReviewerName, ReviewTitle, SubjectId, SubjectType
from users import Email, Locale

SubjectName = Annotated[PlainText, StringConstraints(min_length=1, max_length=200), Field(examples=["Hotel Aegli"])]
Days = Annotated[int, Field(strict=True, ge=1, le=365, examples=[30])]


class RequestStatus(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    EXPIRED = "expired"
    USED = "used"
    REVOKED = "revoked"


class ReviewRequestCreate(Payload):
    """Whom to ask about what, in which language."""

    subject_type: SubjectType
    subject_id: SubjectId
    subject_name: SubjectName | None = Field(default=None, description="What the mail and the form call it.")
    reviewer_email: Annotated[Email, Field(examples=["eleni@post.example"])]
    reviewer_name: ReviewerName | None = None
    locale: Locale | None = Field(default=None, description="Left out: `tenant.default_locale`.")
    expires_in_days: Days | None = Field(default=None, description="Left out: `reviews.request_days`.")


class ReviewRequest(Shape):
    """A customer asked for a review. The secret of the link is nowhere but in the mail."""

    id: UUID
    subject_type: str = Field(examples=["hotel"])
    subject_id: str = Field(examples=["H-17"])
    subject_name: str | None = Field(examples=["Hotel Aegli"])
    reviewer_email: str = Field(examples=["eleni@post.example"])
    reviewer_name: str | None = Field(examples=["Eleni K."])
    locale: str = Field(examples=["el-GR"])
    status: RequestStatus
    expires_at: Timestamp
    sent_at: Timestamp | None = Field(description="When the mail last went out.")
    used_at: Timestamp | None
    revoked_at: Timestamp | None
    review_id: UUID | None = Field(description="The review that came of it.")
    created_by: UUID | None
    created_at: Timestamp
    updated_at: Timestamp
    version: int = Field(examples=[1])


class ReviewForm(Shape):
    """What the page of the form shows before anything is sent."""

    subject_type: str = Field(examples=["hotel"])
    subject_id: str = Field(examples=["H-17"])
    subject_name: str | None = Field(examples=["Hotel Aegli"])
    reviewer_name: str | None = Field(examples=["Eleni K."])
    locale: str = Field(examples=["el-GR"])
    expires_at: Timestamp


class ReviewSubmission(Payload):
    """What the customer says. About what, and whose address it is, the link knows."""

    rating: Rating
    title: ReviewTitle | None = None
    body: ReviewBody = ""
    reviewer_name: ReviewerName | None = Field(
        default=None, description="As it is to be shown. Left out: as the request has it."
    )


class SubmittedReview(Shape):
    """The review as its author gets it back."""

    id: UUID
    subject_type: str = Field(examples=["hotel"])
    subject_id: str = Field(examples=["H-17"])
    rating: int = Field(examples=[5])
    title: str | None = Field(examples=["A week we will not forget"])
    body: str = Field(examples=["Quiet rooms, and a breakfast worth getting up for."])
    reviewer_name: str | None = Field(examples=["Eleni K."])
    status: ReviewStatus
    is_verified: bool
    created_at: Timestamp
    version: int = Field(examples=[1])
