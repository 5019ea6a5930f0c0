"""What anybody may know of a review: nothing by which its author could be found."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from shared_models import Page, Shape, Timestamp
from tools.reviews.schemas import ReviewSummary


class PublicReview(Shape):
    """An approved review, as its author signed it."""

    id: UUID
    rating: int = Field(examples=[5])
    title: str | None = Field(examples=["A week we will not forget"])
    body: str = Field(examples=["Quiet rooms, and a breakfast worth getting up for."])
    reviewer_name: str | None = Field(examples=["Eleni K."])
    is_verified: bool
    reply: str | None
    replied_at: Timestamp | None
    created_at: Timestamp


class PublicReviews(Page[PublicReview]):
    """One page of a subject's reviews, and what they all come to. ``total`` is the summary's count."""

    summary: ReviewSummary
