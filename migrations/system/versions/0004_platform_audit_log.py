"""The platform's own audit log, a chain like a tenant's: what outlives a tenant that was dropped.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.audit_chain import create_chain, drop_chain

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INDEXES = (
    ["action", "seq"],
    ["actor_id", "seq"],
    ["occurred_at"],
    ["request_id"],
    ["target_type", "target_id", "seq"],
    ["tenant_id", "seq"],
)


def upgrade() -> None:
    op.create_table(
        "audit_chain",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_chain_single_row")),
        sa.CheckConstraint("octet_length(hash) = 32", name=op.f("ck_audit_chain_hash_length")),
        sa.CheckConstraint("seq >= 0", name=op.f("ck_audit_chain_seq_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_chain")),
        schema="system",
    )
    op.create_table(
        "audit_logs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor_type", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=True),
        sa.Column("target_type", sa.Text(), nullable=True),
        sa.Column("target_id", sa.Text(), nullable=True),
        sa.Column("target_name", sa.Text(), nullable=True),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("ip_address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("tenant_id", sa.Text(), nullable=True),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "actor_type IN ('user', 'api_key', 'platform', 'system', 'anonymous')",
            name=op.f("ck_audit_logs_actor_type_allowed"),
        ),
        sa.CheckConstraint("jsonb_typeof(changes) = 'array'", name=op.f("ck_audit_logs_changes_array")),
        sa.CheckConstraint("outcome IN ('success', 'failure')", name=op.f("ck_audit_logs_outcome_allowed")),
        sa.CheckConstraint("char_length(action) <= 128", name=op.f("ck_audit_logs_action_length")),
        sa.CheckConstraint("char_length(actor_name) <= 254", name=op.f("ck_audit_logs_actor_name_length")),
        sa.CheckConstraint("char_length(ip_address) <= 45", name=op.f("ck_audit_logs_ip_address_length")),
        sa.CheckConstraint("char_length(request_id) <= 128", name=op.f("ck_audit_logs_request_id_length")),
        sa.CheckConstraint("char_length(target_id) <= 255", name=op.f("ck_audit_logs_target_id_length")),
        sa.CheckConstraint("char_length(target_name) <= 255", name=op.f("ck_audit_logs_target_name_length")),
        sa.CheckConstraint("char_length(target_type) <= 64", name=op.f("ck_audit_logs_target_type_length")),
        sa.CheckConstraint("char_length(tenant_id) <= 48", name=op.f("ck_audit_logs_tenant_id_length")),
        sa.CheckConstraint("char_length(user_agent) <= 400", name=op.f("ck_audit_logs_user_agent_length")),
        sa.CheckConstraint("octet_length(hash) = 32", name=op.f("ck_audit_logs_hash_length")),
        sa.CheckConstraint("octet_length(prev_hash) = 32", name=op.f("ck_audit_logs_prev_hash_length")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_audit_logs_seq_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_logs")),
        sa.UniqueConstraint("prev_hash", name=op.f("uq_audit_logs_prev_hash")),
        sa.UniqueConstraint("seq", name=op.f("uq_audit_logs_seq")),
        schema="system",
    )
    for columns in INDEXES:
        classes = {"action": "text_pattern_ops"} if "action" in columns else {}
        name = op.f(f"ix_audit_logs_{'_'.join(columns)}")
        op.create_index(name, "audit_logs", columns, schema="system", postgresql_ops=classes)
    create_chain(schema="system", more=("tenant_id",))
    op.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA system FROM PUBLIC")


def downgrade() -> None:
    drop_chain(schema="system")
    op.drop_table("audit_logs", schema="system")
    op.drop_table("audit_chain", schema="system")
