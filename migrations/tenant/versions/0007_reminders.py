"""Reminders: what a task or an event asks for, and each mail that comes of it.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ASKING = ("tasks", "events")
FEW = "CASE WHEN jsonb_typeof(reminders) = 'array' THEN jsonb_array_length(reminders) <= 5 ELSE false END"
MOMENT = ["record_type", "record_id", "user_id", "offset_minutes", "due_at"]


def upgrade() -> None:
    for table in ASKING:
        op.add_column(table, sa.Column("reminders", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False))
        op.create_check_constraint(op.f(f"ck_{table}_reminders_count"), table, FEW)
    op.create_table(
        "reminders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record_type", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("offset_minutes", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("char_length(record_type) <= 32", name=op.f("ck_reminders_record_type_length")),
        sa.CheckConstraint(
            "status IN ('pending', 'sent', 'dismissed', 'missed')", name=op.f("ck_reminders_status_allowed")
        ),
        sa.CheckConstraint("offset_minutes BETWEEN 0 AND 40320", name=op.f("ck_reminders_offset_minutes_range")),
        sa.CheckConstraint("(status = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_reminders_sent_at_if_sent")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_reminders_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminders")),
    )
    once = sa.text("status <> 'missed'")
    op.create_index("uq_reminders_moment", "reminders", MOMENT, unique=True, postgresql_where=once)
    op.create_index(op.f("ix_reminders_user_id_due_at_id"), "reminders", ["user_id", "due_at", "id"])
    op.create_index(op.f("ix_reminders_user_id_created_at_id"), "reminders", ["user_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("reminders")
    for table in reversed(ASKING):
        op.drop_constraint(op.f(f"ck_{table}_reminders_count"), table, type_="check")
        op.drop_column(table, "reminders")
