"""What a review is among records."""

from __future__ import annotations

from typing import Any, Final

from tools.models import Review, ReviewLink
from tools.records.kinds import Kind
from tools.reviews.requests.queries import select_about_subject, was_asked_for

_reviews: Any = Review.__table__


REVIEW: Final = Kind(
    name="review",
    permission="reviews",
    table=_reviews,
    links=ReviewLink.__table__,
    title="title",
    text="body",
    columns=(
        "subject_type",
        "subject_id",
        "rating",
        "title",
        "body",
        "reviewer_name",
        "reviewer_email",
        "status",
        "is_verified",
        "reply",
        "replied_at",
        "rejection_reason",
        "source",
    ),
    searched=("title", "body", "reviewer_name", "reviewer_email"),
    shared=was_asked_for,
    related=select_about_subject,
)
