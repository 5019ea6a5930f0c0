"""The outbox, the counters of the rate limits, platform keys, and when a tenant is to be dropped.

``system.enqueue`` is how a tenant's transaction orders a job. It takes the tenant from the role the session has set, not
from an argument: no transaction can order anything in another tenant's name.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ENQUEUE = """
CREATE FUNCTION system.enqueue(jobs jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = system, pg_temp
AS $$
DECLARE
    caller text;
    queued integer;
BEGIN
    SELECT id INTO caller FROM tenants WHERE role_name = current_setting('role');
    IF caller IS NULL THEN
        RAISE EXCEPTION 'only a tenant''s transaction can order jobs' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO outbox (id, tenant_id, kind, payload, run_at)
    SELECT (job->>'id')::uuid, caller, job->>'kind', job->'payload',
           coalesce((job->>'run_at')::timestamptz, clock_timestamp())
    FROM jsonb_array_elements(jobs) AS job;
    GET DIAGNOSTICS queued = ROW_COUNT;
    PERFORM pg_notify('system_service_jobs', '');
    RETURN queued;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("char_length(kind) <= 64", name=op.f("ck_outbox_kind_length")),
        sa.CheckConstraint("char_length(last_error) <= 500", name=op.f("ck_outbox_last_error_length")),
        sa.CheckConstraint("status IN ('pending', 'dead')", name=op.f("ck_outbox_status_allowed")),
        sa.ForeignKeyConstraint(["tenant_id"], ["system.tenants.id"], name="fk_outbox_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        schema="system",
    )
    op.create_index(
        "ix_outbox_run_at", "outbox", ["run_at"], schema="system", postgresql_where=sa.text("status = 'pending'")
    )
    op.create_index("ix_outbox_tenant_id", "outbox", ["tenant_id"], schema="system")
    op.create_table(
        "rate_limits",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("full_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_rate_limits"),
        schema="system",
    )
    op.create_index("ix_rate_limits_full_at", "rate_limits", ["full_at"], schema="system")
    op.create_table(
        "platform_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("char_length(name) <= 100", name=op.f("ck_platform_keys_name_length")),
        sa.CheckConstraint("char_length(prefix) <= 16", name=op.f("ck_platform_keys_prefix_length")),
        sa.PrimaryKeyConstraint("id", name="pk_platform_keys"),
        sa.UniqueConstraint("digest", name="uq_platform_keys_digest"),
        schema="system",
    )
    op.add_column("tenants", sa.Column("delete_after", sa.DateTime(timezone=True), nullable=True), schema="system")
    op.execute(ENQUEUE)
    op.execute("REVOKE ALL ON FUNCTION system.enqueue(jsonb) FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION system.enqueue(jsonb)")
    op.drop_column("tenants", "delete_after", schema="system")
    op.drop_table("platform_keys", schema="system")
    op.drop_table("rate_limits", schema="system")
    op.drop_table("outbox", schema="system")
