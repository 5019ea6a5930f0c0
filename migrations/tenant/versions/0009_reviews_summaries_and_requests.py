"""Reviews: why one was rejected, the kept summaries of subjects, and customers asked by mail.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STARS = (1, 2, 3, 4, 5)


def upgrade() -> None:
    op.add_column("reviews", sa.Column("rejection_reason", sa.Text(), nullable=True))
    for name, rule in {
        "rejection_reason_length": "char_length(rejection_reason) <= 500",
        "reason_if_rejected": "rejection_reason IS NULL OR status IN ('rejected', 'spam')",
    }.items():
        op.create_check_constraint(op.f(f"ck_reviews_{name}"), "reviews", rule)
    living = sa.text("deleted_at IS NULL")
    op.create_index("ix_reviews_rating_id", "reviews", ["rating", "id"], postgresql_where=living)
    op.create_index(op.f("ix_reviews_subject_type_subject_id"), "reviews", ["subject_type", "subject_id"])
    _create_summaries()
    _create_requests()


def _create_summaries() -> None:
    op.create_table(
        "review_summaries",
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        *(sa.Column(f"rating_{stars}", sa.Integer(), server_default="0", nullable=False) for stars in STARS),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        *_lengths("review_summaries", subject_type=64, subject_id=128),
        sa.CheckConstraint(
            "least(rating_1, rating_2, rating_3, rating_4, rating_5) >= 0",
            name=op.f("ck_review_summaries_ratings_not_negative"),
        ),
        sa.PrimaryKeyConstraint("subject_type", "subject_id", name=op.f("pk_review_summaries")),
    )
    counts = ", ".join(f"count(*) FILTER (WHERE rating = {stars})" for stars in STARS)
    op.execute(
        "INSERT INTO review_summaries (subject_type, subject_id, rating_1, rating_2, rating_3, rating_4, rating_5) "
        f"SELECT subject_type, subject_id, {counts} FROM reviews "
        "WHERE status = 'approved' AND deleted_at IS NULL GROUP BY subject_type, subject_id"
    )


def _create_requests() -> None:
    table = "review_requests"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("subject_name", sa.Text(), nullable=True),
        sa.Column("reviewer_email", sa.Text(), nullable=False),
        sa.Column("reviewer_name", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("lifetime_days", sa.SmallInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(f"{done}_at", sa.DateTime(timezone=True), nullable=True) for done in ("sent", "used", "revoked")),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("review_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        *_lengths(
            table,
            subject_type=64,
            subject_id=128,
            subject_name=200,
            reviewer_email=254,
            reviewer_name=200,
            locale=35,
        ),
        sa.CheckConstraint("lifetime_days BETWEEN 1 AND 365", name=op.f("ck_review_requests_lifetime_days_range")),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_review_requests_digest_length")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_review_requests_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name=op.f("fk_review_requests_review_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_requests")),
        sa.UniqueConstraint("digest", name=op.f("uq_review_requests_digest")),
    )
    op.create_index(
        "uq_review_requests_open",
        table,
        [sa.text("lower(reviewer_email)"), "subject_type", "subject_id"],
        unique=True,
        postgresql_where=sa.text("used_at IS NULL AND revoked_at IS NULL"),
    )
    for columns in (["created_at", "id"], ["created_by"], ["review_id"]):
        op.create_index(op.f(f"ix_review_requests_{'_'.join(columns)}"), table, columns)


def _lengths(table: str, **limits: int) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(f"char_length({column}) <= {limit}", name=op.f(f"ck_{table}_{column}_length"))
        for column, limit in limits.items()
    ]


def downgrade() -> None:
    op.drop_table("review_requests")
    op.drop_table("review_summaries")
    op.drop_index(op.f("ix_reviews_subject_type_subject_id"), table_name="reviews")
    op.drop_index("ix_reviews_rating_id", table_name="reviews")
    for name in ("reason_if_rejected", "rejection_reason_length"):
        op.drop_constraint(op.f(f"ck_reviews_{name}"), "reviews", type_="check")
    op.drop_column("reviews", "rejection_reason")
