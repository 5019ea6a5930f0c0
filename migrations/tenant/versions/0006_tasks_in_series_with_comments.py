"""Tasks that follow another in a series, their comments and mentions; orders by when they are due.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

LIVING = sa.text("deleted_at IS NULL")
DUE_OR_NEVER = sa.text("COALESCE(due_at, 'infinity'::timestamp with time zone)")


def upgrade() -> None:
    op.add_column("tasks", sa.Column("previous_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_tasks_previous_id"), "tasks", "tasks", ["previous_id"], ["id"], ondelete="SET NULL")
    op.create_index("uq_tasks_previous_id", "tasks", ["previous_id"], unique=True)
    _index_due_dates(DUE_OR_NEVER)
    _create_comments()


def _index_due_dates(due_at: str | sa.TextClause) -> None:
    op.drop_index("ix_tasks_due_at_id", table_name="tasks", postgresql_where=LIVING)
    op.drop_index("ix_tasks_assignee_id_due_at_id", table_name="tasks", postgresql_where=LIVING)
    op.create_index("ix_tasks_due_at_id", "tasks", [due_at, "id"], postgresql_where=LIVING)
    op.create_index("ix_tasks_assignee_id_due_at_id", "tasks", ["assignee_id", due_at, "id"], postgresql_where=LIVING)


def _create_comments() -> None:
    op.create_table(
        "task_comments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("char_length(body) <= 10000", name=op.f("ck_task_comments_body_length")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_task_comments_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_comments_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_comments")),
    )
    op.create_index(op.f("ix_task_comments_created_by"), "task_comments", ["created_by"])
    op.create_index(op.f("ix_task_comments_task_id_created_at_id"), "task_comments", ["task_id", "created_at", "id"])
    op.create_table(
        "task_mentions",
        sa.Column("comment_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("is_current", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["task_comments.id"], name=op.f("fk_task_mentions_comment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_task_mentions_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("comment_id", "user_id", name=op.f("pk_task_mentions")),
    )
    op.create_index(op.f("ix_task_mentions_user_id"), "task_mentions", ["user_id"])


def downgrade() -> None:
    op.drop_table("task_mentions")
    op.drop_table("task_comments")
    _index_due_dates("due_at")
    op.drop_index("uq_tasks_previous_id", table_name="tasks")
    op.drop_constraint(op.f("fk_tasks_previous_id"), "tasks", type_="foreignkey")
    op.drop_column("tasks", "previous_id")
