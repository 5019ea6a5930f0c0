"""The shapes of reviews and their summaries."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from common.enums import ReviewStatus
from shared_models import Payload, PlainText, Shape, Timestamp
from tools.records.schemas import NOT_GIVEN, Links, Patch, Record, Title
from users import Email

SubjectType = Annotated[PlainText, StringConstraints(min_length=1, max_length=64), Field(examples=["hotel"])]
SubjectId = Annotated[PlainText, StringConstraints(min_length=1, max_length=128), Field(examples=["H-17"])]
Rating = Annotated[int, Field(strict=True, ge=1, le=5, examples=[5])]
ReviewTitle = Annotated[Title, Field(examples=["A week we will not forget"])]
ReviewBody = Annotated[
    PlainText,
    StringConstraints(max_length=10_000),
    Field(examples=["Quiet rooms, and a breakfast worth getting up for."]),
]
ReviewerName = Annotated[PlainText, StringConstraints(min_length=1, max_length=200), Field(examples=["Eleni K."])]
Source = Annotated[PlainText, StringConstraints(min_length=1, max_length=64), Field(examples=["staff"])]
Reason = Annotated[PlainText, StringConstraints(min_length=1, max_length=500), Field(examples=["Names another guest."])]
ReplyText = Annotated[PlainText, StringConstraints(max_length=10_000), Field(examples=["Thank you, come again!"])]

DEFAULT_SOURCE = "staff"


class Review(Record):
    """A customer's opinion. ``is_verified``: it came by a link mailed to somebody who was there, as ``source``
    ``request``. ``rejection_reason`` is for the staff."""

    subject_type: str = Field(examples=["hotel"])
    subject_id: str = Field(examples=["H-17"])
    rating: int = Field(examples=[5])
    title: str | None = Field(examples=["A week we will not forget"])
    body: str = Field(examples=["Quiet rooms, and a breakfast worth getting up for."])
    reviewer_name: str | None = Field(examples=["Eleni K."])
    reviewer_email: str | None = Field(examples=["eleni@post.example"])
    status: ReviewStatus
    is_verified: bool
    reply: str | None
    replied_at: Timestamp | None
    rejection_reason: str | None
    source: str | None = Field(examples=["staff"])


class ReviewReplace(Payload):
    """All editable fields. What is left out gets its default."""

    subject_type: SubjectType
    subject_id: SubjectId
    rating: Rating
    title: ReviewTitle | None = None
    body: ReviewBody = ""
    reviewer_name: ReviewerName | None = None
    reviewer_email: Email | None = None
    source: Source = DEFAULT_SOURCE
    links: Links = Field(default_factory=list)


class ReviewCreate(ReviewReplace):
    """A new review, as staff writes it down or brings it from elsewhere."""


class ReviewPatch(Patch):
    """Only the fields to change; ``links`` are replaced as a whole."""

    subject_type: SubjectType = NOT_GIVEN
    subject_id: SubjectId = NOT_GIVEN
    rating: Rating = NOT_GIVEN
    title: ReviewTitle | None = None
    body: ReviewBody = NOT_GIVEN
    reviewer_name: ReviewerName | None = None
    reviewer_email: Email | None = None
    source: Source = NOT_GIVEN
    links: Links = NOT_GIVEN


class Rejection(Payload):
    """Why it is not shown."""

    reason: Reason | None = Field(default=None, description="For the staff; nobody else reads it.")
    spam: bool = Field(default=False, description="It is no opinion at all: its status is `spam`, not `rejected`.")


class ReviewReply(Payload):
    """What is answered, for everybody to read."""

    reply: ReplyText | None = Field(description="Empty or null takes the reply away.", examples=["Thank you!"])


class ReviewSummary(Shape):
    """What the approved reviews of a subject come to. ``average`` is rounded to two digits, null without a review."""

    subject_type: str = Field(examples=["hotel"])
    subject_id: str = Field(examples=["H-17"])
    count: int = Field(examples=[3])
    average: float | None = Field(examples=[4.33])
    histogram: dict[str, int] = Field(examples=[{"1": 0, "2": 0, "3": 1, "4": 0, "5": 2}])
