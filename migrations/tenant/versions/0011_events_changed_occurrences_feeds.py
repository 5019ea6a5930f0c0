"""Single occurrences of events that differ, calendar feeds, answers by a mailed link.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

LIVING = sa.text("deleted_at IS NULL")
RECURRING = sa.text("rrule IS NOT NULL AND deleted_at IS NULL")
SPAN = sa.text("tstzrange(starts_at, last_ends_at, '[]')")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("events", sa.Column("last_ends_at", TIME, nullable=True))
    op.add_column("events", sa.Column("uid", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("ck_events_last_ends_after_start"), "events", "last_ends_at >= starts_at")
    op.create_check_constraint(op.f("ck_events_uid_length"), "events", "char_length(uid) <= 255")
    op.drop_index("ix_events_recurring", table_name="events", postgresql_where=RECURRING)
    op.create_index("ix_events_span", "events", [SPAN], postgresql_using="gist", postgresql_where=LIVING)
    op.create_index(
        "uq_events_created_by_uid",
        "events",
        ["created_by", "uid"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND uid IS NOT NULL"),
    )
    _upgrade_attendees()
    _create_overrides()
    _create_feeds()


def _upgrade_attendees() -> None:
    table = "event_attendees"
    op.add_column(table, sa.Column("comment", sa.Text(), nullable=True))
    op.add_column(table, sa.Column("answer_digest", sa.LargeBinary(), nullable=True))
    op.create_check_constraint(op.f(f"ck_{table}_comment_length"), table, "char_length(comment) <= 500")
    op.create_check_constraint(op.f(f"ck_{table}_answer_digest_length"), table, "octet_length(answer_digest) = 32")
    op.create_index("uq_event_attendees_answer_digest", table, ["answer_digest"], unique=True)


def _create_overrides() -> None:
    op.create_table(
        "event_overrides",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("original_starts_at", TIME, nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("starts_at", TIME, nullable=True),
        sa.Column("ends_at", TIME, nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.CheckConstraint("char_length(title) <= 200", name=op.f("ck_event_overrides_title_length")),
        sa.CheckConstraint("char_length(location) <= 500", name=op.f("ck_event_overrides_location_length")),
        sa.CheckConstraint(
            "status IN ('confirmed', 'tentative', 'cancelled')", name=op.f("ck_event_overrides_status_allowed")
        ),
        sa.CheckConstraint("(starts_at IS NULL) = (ends_at IS NULL)", name=op.f("ck_event_overrides_time_whole")),
        sa.CheckConstraint("ends_at >= starts_at", name=op.f("ck_event_overrides_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_event_overrides_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("event_id", "original_starts_at", name=op.f("pk_event_overrides")),
    )
    op.create_index(
        "ix_event_overrides_span",
        "event_overrides",
        [sa.text("tstzrange(starts_at, ends_at, '[]')")],
        postgresql_using="gist",
        postgresql_where=sa.text("starts_at IS NOT NULL"),
    )


def _create_feeds() -> None:
    op.create_table(
        "event_feeds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("scope", sa.Text(), server_default="mine", nullable=False),
        sa.Column("events", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("tasks", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("char_length(name) <= 200", name=op.f("ck_event_feeds_name_length")),
        sa.CheckConstraint("scope IN ('mine', 'readable')", name=op.f("ck_event_feeds_scope_allowed")),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_event_feeds_digest_length")),
        sa.CheckConstraint("events OR tasks", name=op.f("ck_event_feeds_not_empty")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_event_feeds_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_feeds")),
    )
    op.create_index("uq_event_feeds_digest", "event_feeds", ["digest"], unique=True)
    op.create_index("ix_event_feeds_user_id_created_at_id", "event_feeds", ["user_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("event_feeds")
    op.drop_table("event_overrides")
    table = "event_attendees"
    op.drop_index("uq_event_attendees_answer_digest", table_name=table)
    op.drop_constraint(op.f(f"ck_{table}_answer_digest_length"), table, type_="check")
    op.drop_constraint(op.f(f"ck_{table}_comment_length"), table, type_="check")
    op.drop_column(table, "answer_digest")
    op.drop_column(table, "comment")
    op.drop_index("uq_events_created_by_uid", table_name="events")
    op.drop_index("ix_events_span", table_name="events")
    op.create_index("ix_events_recurring", "events", ["starts_at"], postgresql_where=RECURRING)
    op.drop_constraint(op.f("ck_events_uid_length"), "events", type_="check")
    op.drop_constraint(op.f("ck_events_last_ends_after_start"), "events", type_="check")
    op.drop_column("events", "uid")
    op.drop_column("events", "last_ends_at")
