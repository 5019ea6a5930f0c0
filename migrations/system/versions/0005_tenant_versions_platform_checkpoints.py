"""A version of each tenant in the registry, checkpoints of the platform's audit log, answers to repeated requests.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("head_hash", sa.LargeBinary(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("char_length(key_id) <= 64", name=op.f("ck_audit_checkpoints_key_id_length")),
        sa.CheckConstraint("octet_length(head_hash) = 32", name=op.f("ck_audit_checkpoints_head_hash_length")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_audit_checkpoints_size_not_negative")),
        sa.PrimaryKeyConstraint("size", "key_id", name=op.f("pk_audit_checkpoints")),
        schema="system",
    )
    for name, event, each in (("change", "UPDATE OR DELETE", "ROW"), ("truncate", "TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER audit_checkpoints_refuse_{name} BEFORE {event} ON system.audit_checkpoints "
            f"FOR EACH {each} EXECUTE FUNCTION system.audit_refuse_change()"
        )
        op.execute(f"ALTER TABLE system.audit_checkpoints ENABLE ALWAYS TRIGGER audit_checkpoints_refuse_{name}")
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Uuid(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.Text(), server_default="{}", nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("char_length(headers) <= 4000", name=op.f("ck_idempotency_keys_headers_length")),
        sa.CheckConstraint("char_length(key) <= 255", name=op.f("ck_idempotency_keys_key_length")),
        sa.CheckConstraint("char_length(route) <= 200", name=op.f("ck_idempotency_keys_route_length")),
        sa.PrimaryKeyConstraint("caller", "route", "key", name=op.f("pk_idempotency_keys")),
        schema="system",
    )
    op.create_index(
        op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False, schema="system"
    )
    op.add_column("tenants", sa.Column("version", sa.Integer(), server_default="1", nullable=False), schema="system")


def downgrade() -> None:
    op.drop_column("tenants", "version", schema="system")
    op.drop_table("idempotency_keys", schema="system")
    op.drop_table("audit_checkpoints", schema="system")
