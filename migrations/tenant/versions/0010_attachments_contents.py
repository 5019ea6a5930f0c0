"""The contents of attachments, each once, and how many bytes they take.

No release before this one could store a file, so there is no attachment whose content would have to be found.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attachment_contents",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("ck_attachment_contents_sha256_length")),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_attachment_contents_size_not_negative")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_attachment_contents")),
        sa.UniqueConstraint("file_id", name=op.f("uq_attachment_contents_file_id")),
    )
    op.create_table(
        "attachment_usage",
        sa.Column("id", sa.SmallInteger(), server_default="1", autoincrement=False, nullable=False),
        sa.Column("used_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_attachment_usage_one_row")),
        sa.CheckConstraint("used_bytes >= 0", name=op.f("ck_attachment_usage_used_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment_usage")),
    )
    op.create_foreign_key(op.f("fk_attachments_sha256"), "attachments", "attachment_contents", ["sha256"], ["sha256"])
    op.create_index(
        "ix_attachments_deleted_at",
        "attachments",
        ["deleted_at"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_attachments_deleted_at", table_name="attachments")
    op.drop_constraint(op.f("fk_attachments_sha256"), "attachments", type_="foreignkey")
    op.drop_table("attachment_usage")
    op.drop_table("attachment_contents")
