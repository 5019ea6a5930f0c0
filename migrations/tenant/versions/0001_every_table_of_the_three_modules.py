"""Every table of the three modules.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


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
        sa.CheckConstraint("char_length(user_agent) <= 400", name=op.f("ck_audit_logs_user_agent_length")),
        sa.CheckConstraint("octet_length(hash) = 32", name=op.f("ck_audit_logs_hash_length")),
        sa.CheckConstraint("octet_length(prev_hash) = 32", name=op.f("ck_audit_logs_prev_hash_length")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_audit_logs_seq_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_logs")),
        sa.UniqueConstraint("prev_hash", name=op.f("uq_audit_logs_prev_hash")),
        sa.UniqueConstraint("seq", name=op.f("uq_audit_logs_seq")),
    )
    op.create_index(
        op.f("ix_audit_logs_action_seq"),
        "audit_logs",
        ["action", "seq"],
        unique=False,
        postgresql_ops={"action": "text_pattern_ops"},
    )
    op.create_index(op.f("ix_audit_logs_actor_id_seq"), "audit_logs", ["actor_id", "seq"], unique=False)
    op.create_index(op.f("ix_audit_logs_occurred_at"), "audit_logs", ["occurred_at"], unique=False)
    op.create_index(op.f("ix_audit_logs_request_id"), "audit_logs", ["request_id"], unique=False)
    op.create_index(
        op.f("ix_audit_logs_target_type_target_id_seq"), "audit_logs", ["target_type", "target_id", "seq"], unique=False
    )
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
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "permissions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.CheckConstraint("char_length(description) <= 200", name=op.f("ck_permissions_description_length")),
        sa.CheckConstraint("char_length(module) <= 32", name=op.f("ck_permissions_module_length")),
        sa.CheckConstraint("char_length(name) <= 64", name=op.f("ck_permissions_name_length")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_permissions")),
    )
    op.create_table(
        "roles",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("is_system", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("rank", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("char_length(description) <= 500", name=op.f("ck_roles_description_length")),
        sa.CheckConstraint("char_length(name) <= 64", name=op.f("ck_roles_name_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
    )
    op.create_index("ix_roles_created_at_id", "roles", ["created_at", "id"], unique=False)
    op.create_index("uq_roles_name", "roles", [sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "teams",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("char_length(description) <= 500", name=op.f("ck_teams_description_length")),
        sa.CheckConstraint("char_length(name) <= 100", name=op.f("ck_teams_name_length")),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_teams_not_its_own_parent")),
        sa.ForeignKeyConstraint(["parent_id"], ["teams.id"], name=op.f("fk_teams_parent_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
    )
    op.create_index("ix_teams_created_at_id", "teams", ["created_at", "id"], unique=False)
    op.create_index(op.f("ix_teams_parent_id"), "teams", ["parent_id"], unique=False)
    op.create_index("uq_teams_name", "teams", [sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_normalized", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("username_normalized", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("full_name", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), server_default="en", nullable=False),
        sa.Column("timezone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("is_verified", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("mfa_enabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("char_length(avatar_url) <= 2048", name=op.f("ck_users_avatar_url_length")),
        sa.CheckConstraint("char_length(email) <= 254", name=op.f("ck_users_email_length")),
        sa.CheckConstraint("char_length(email_normalized) <= 1000", name=op.f("ck_users_email_normalized_length")),
        sa.CheckConstraint("char_length(full_name) <= 200", name=op.f("ck_users_full_name_length")),
        sa.CheckConstraint("char_length(locale) <= 35", name=op.f("ck_users_locale_length")),
        sa.CheckConstraint("char_length(phone) <= 32", name=op.f("ck_users_phone_length")),
        sa.CheckConstraint("char_length(timezone) <= 64", name=op.f("ck_users_timezone_length")),
        sa.CheckConstraint("char_length(username) <= 64", name=op.f("ck_users_username_length")),
        sa.CheckConstraint("char_length(username_normalized) <= 64", name=op.f("ck_users_username_normalized_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index(
        "ix_users_created_at_id",
        "users",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_users_updated_at_id",
        "users",
        ["updated_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_users_email_normalized",
        "users",
        ["email_normalized"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_users_username_normalized",
        "users",
        ["username_normalized"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("permissions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("allowed_cidrs", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("char_length(name) <= 100", name=op.f("ck_api_keys_name_length")),
        sa.CheckConstraint("char_length(prefix) <= 16", name=op.f("ck_api_keys_prefix_length")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_index("ix_api_keys_created_at_id", "api_keys", ["created_at", "id"], unique=False)
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"], unique=False)
    op.create_table(
        "attachments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("parent_type", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "parent_type IN ('note', 'task', 'call', 'event', 'review')",
            name=op.f("ck_attachments_parent_type_allowed"),
        ),
        sa.CheckConstraint("(parent_type IS NULL) = (parent_id IS NULL)", name=op.f("ck_attachments_parent_whole")),
        sa.CheckConstraint("char_length(description) <= 500", name=op.f("ck_attachments_description_length")),
        sa.CheckConstraint("char_length(file_name) <= 255", name=op.f("ck_attachments_file_name_length")),
        sa.CheckConstraint("char_length(media_type) <= 127", name=op.f("ck_attachments_media_type_length")),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("ck_attachments_sha256_length")),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_attachments_size_not_negative")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_attachments_created_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    op.create_index(
        "ix_attachments_created_at_id",
        "attachments",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_attachments_created_by_created_at_id",
        "attachments",
        ["created_by", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_attachments_parent_type_parent_id_created_at_id",
        "attachments",
        ["parent_type", "parent_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(op.f("ix_attachments_sha256"), "attachments", ["sha256"], unique=False)
    op.create_index(
        "ix_attachments_updated_at_id",
        "attachments",
        ["updated_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "email_verification_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("char_length(email) <= 254", name=op.f("ck_email_verification_tokens_email_length")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_email_verification_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_verification_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_email_verification_tokens_digest")),
    )
    op.create_index(
        op.f("ix_email_verification_tokens_user_id"), "email_verification_tokens", ["user_id"], unique=False
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("all_day", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("timezone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("rrule", sa.Text(), nullable=True),
        sa.Column(
            "exdates", postgresql.ARRAY(sa.DateTime(timezone=True)), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("status", sa.Text(), server_default="confirmed", nullable=False),
        sa.Column("join_url", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("status IN ('confirmed', 'tentative', 'cancelled')", name=op.f("ck_events_status_allowed")),
        sa.CheckConstraint("array_position(exdates, NULL) IS NULL", name=op.f("ck_events_exdates_not_null")),
        sa.CheckConstraint("cardinality(exdates) <= 500", name=op.f("ck_events_exdates_count")),
        sa.CheckConstraint("char_length(description) <= 20000", name=op.f("ck_events_description_length")),
        sa.CheckConstraint("char_length(join_url) <= 2048", name=op.f("ck_events_join_url_length")),
        sa.CheckConstraint("char_length(location) <= 500", name=op.f("ck_events_location_length")),
        sa.CheckConstraint("char_length(rrule) <= 500", name=op.f("ck_events_rrule_length")),
        sa.CheckConstraint("char_length(timezone) <= 64", name=op.f("ck_events_timezone_length")),
        sa.CheckConstraint("char_length(title) <= 200", name=op.f("ck_events_title_length")),
        sa.CheckConstraint("ends_at >= starts_at", name=op.f("ck_events_ends_after_start")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_events_created_by"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(
        "ix_events_created_at_id",
        "events",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_events_created_by_created_at_id",
        "events",
        ["created_by", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_events_ends_at_id",
        "events",
        ["ends_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_events_recurring",
        "events",
        ["starts_at"],
        unique=False,
        postgresql_where=sa.text("rrule IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_index(
        "ix_events_starts_at_id",
        "events",
        ["starts_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_events_updated_at_id",
        "events",
        ["updated_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "log_calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("phone_number", sa.Text(), nullable=True),
        sa.Column("contact_name", sa.Text(), nullable=True),
        sa.Column("contact_ref", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_seconds", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column("recording_url", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("direction IN ('inbound', 'outbound')", name=op.f("ck_log_calls_direction_allowed")),
        sa.CheckConstraint("phone_number ~ '^[+][1-9][0-9]{1,14}$'", name=op.f("ck_log_calls_phone_number_e164")),
        sa.CheckConstraint(
            "status IN ('planned', 'completed', 'missed', 'no_answer', 'busy', 'failed', 'cancelled')",
            name=op.f("ck_log_calls_status_allowed"),
        ),
        sa.CheckConstraint("char_length(contact_name) <= 200", name=op.f("ck_log_calls_contact_name_length")),
        sa.CheckConstraint("char_length(contact_ref) <= 128", name=op.f("ck_log_calls_contact_ref_length")),
        sa.CheckConstraint("char_length(external_id) <= 128", name=op.f("ck_log_calls_external_id_length")),
        sa.CheckConstraint("char_length(notes) <= 20000", name=op.f("ck_log_calls_notes_length")),
        sa.CheckConstraint("char_length(outcome) <= 500", name=op.f("ck_log_calls_outcome_length")),
        sa.CheckConstraint("char_length(recording_url) <= 2048", name=op.f("ck_log_calls_recording_url_length")),
        sa.CheckConstraint("duration_seconds >= 0", name=op.f("ck_log_calls_duration_not_negative")),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_log_calls_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_log_calls_created_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_calls")),
    )
    op.create_index(
        "ix_log_calls_created_at_id",
        "log_calls",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_log_calls_created_by_created_at_id",
        "log_calls",
        ["created_by", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_log_calls_phone_number_created_at_id",
        "log_calls",
        ["phone_number", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_log_calls_started_at_id",
        "log_calls",
        ["started_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_log_calls_status_created_at_id",
        "log_calls",
        ["status", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_log_calls_updated_at_id",
        "log_calls",
        ["updated_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_log_calls_external_id",
        "log_calls",
        ["external_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), server_default="", nullable=False),
        sa.Column("is_pinned", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_private", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("color", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint("char_length(array_to_string(tags, '')) <= 640", name=op.f("ck_notes_tags_length")),
        sa.CheckConstraint("array_position(tags, NULL) IS NULL", name=op.f("ck_notes_tags_not_null")),
        sa.CheckConstraint("cardinality(tags) <= 20", name=op.f("ck_notes_tags_count")),
        sa.CheckConstraint("char_length(color) <= 32", name=op.f("ck_notes_color_length")),
        sa.CheckConstraint("char_length(content) <= 100000", name=op.f("ck_notes_content_length")),
        sa.CheckConstraint("char_length(title) <= 200", name=op.f("ck_notes_title_length")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_notes_created_by"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    op.create_index(
        "ix_notes_created_at_id",
        "notes",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_notes_created_by_created_at_id",
        "notes",
        ["created_by", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_notes_tags",
        "notes",
        ["tags"],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_notes_updated_at_id",
        "notes",
        ["updated_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "password_reset_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_password_reset_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_reset_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_password_reset_tokens_digest")),
    )
    op.create_index(op.f("ix_password_reset_tokens_user_id"), "password_reset_tokens", ["user_id"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("rating", sa.SmallInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("reviewer_name", sa.Text(), nullable=True),
        sa.Column("reviewer_email", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("is_verified", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'rejected', 'spam')", name=op.f("ck_reviews_status_allowed")
        ),
        sa.CheckConstraint("(reply IS NULL) = (replied_at IS NULL)", name=op.f("ck_reviews_replied_at_if_reply")),
        sa.CheckConstraint("char_length(body) <= 10000", name=op.f("ck_reviews_body_length")),
        sa.CheckConstraint("char_length(reply) <= 10000", name=op.f("ck_reviews_reply_length")),
        sa.CheckConstraint("char_length(reviewer_email) <= 254", name=op.f("ck_reviews_reviewer_email_length")),
        sa.CheckConstraint("char_length(reviewer_name) <= 200", name=op.f("ck_reviews_reviewer_name_length")),
        sa.CheckConstraint("char_length(source) <= 64", name=op.f("ck_reviews_source_length")),
        sa.CheckConstraint("char_length(subject_id) <= 128", name=op.f("ck_reviews_subject_id_length")),
        sa.CheckConstraint("char_length(subject_type) <= 64", name=op.f("ck_reviews_subject_type_length")),
        sa.CheckConstraint("char_length(title) <= 200", name=op.f("ck_reviews_title_length")),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name=op.f("ck_reviews_rating_range")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_reviews_created_by"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index(
        "ix_reviews_created_at_id",
        "reviews",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_reviews_created_by_created_at_id",
        "reviews",
        ["created_by", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_reviews_status_created_at_id",
        "reviews",
        ["status", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_reviews_subject_type_subject_id_status_created_at_id",
        "reviews",
        ["subject_type", "subject_id", "status", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_reviews_updated_at_id",
        "reviews",
        ["updated_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "role_permissions",
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("permission", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), server_default="all", nullable=False),
        sa.CheckConstraint("level IN ('own', 'team', 'all')", name=op.f("ck_role_permissions_level_allowed")),
        sa.ForeignKeyConstraint(
            ["permission"], ["permissions.name"], name=op.f("fk_role_permissions_permission"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["role_id"], ["roles.id"], name=op.f("fk_role_permissions_role_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("role_id", "permission", name=op.f("pk_role_permissions")),
    )
    op.create_index(op.f("ix_role_permissions_permission"), "role_permissions", ["permission"], unique=False)
    op.create_table(
        "settings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value_type", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("secret_value", sa.LargeBinary(), nullable=True),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("is_public", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(value_type = 'secret') = (secret_value IS NOT NULL)", name=op.f("ck_settings_secret_value_if_secret")
        ),
        sa.CheckConstraint("(value_type = 'secret') = (value IS NULL)", name=op.f("ck_settings_value_unless_secret")),
        sa.CheckConstraint(
            "CASE value_type\n    WHEN 'string' THEN jsonb_typeof(value) = 'string'\n    WHEN 'integer' THEN value::text ~ '^-?[0-9]+$'\n    WHEN 'number' THEN jsonb_typeof(value) = 'number'\n    WHEN 'boolean' THEN jsonb_typeof(value) = 'boolean'\n    ELSE true\nEND",
            name=op.f("ck_settings_value_has_its_type"),
        ),
        sa.CheckConstraint("NOT (is_public AND value_type = 'secret')", name=op.f("ck_settings_secret_is_not_public")),
        sa.CheckConstraint("key ~ '^[a-z][a-z0-9_.-]{0,127}$'", name=op.f("ck_settings_key_form")),
        sa.CheckConstraint(
            "value_type IN ('string', 'integer', 'number', 'boolean', 'json', 'secret')",
            name=op.f("ck_settings_value_type_allowed"),
        ),
        sa.CheckConstraint("char_length(description) <= 500", name=op.f("ck_settings_description_length")),
        sa.CheckConstraint("octet_length(secret_value) <= 65536", name=op.f("ck_settings_secret_value_length")),
        sa.CheckConstraint("octet_length(value::text) <= 65536", name=op.f("ck_settings_value_length")),
        sa.ForeignKeyConstraint(["updated_by"], ["users.id"], name=op.f("fk_settings_updated_by"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settings")),
        sa.UniqueConstraint("key", name=op.f("uq_settings_key")),
    )
    op.create_index(op.f("ix_settings_created_at_id"), "settings", ["created_at", "id"], unique=False)
    op.create_index("ix_settings_public_key", "settings", ["key"], unique=False, postgresql_where=sa.text("is_public"))
    op.create_index(op.f("ix_settings_updated_at_id"), "settings", ["updated_at", "id"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="todo", nullable=False),
        sa.Column("priority", sa.Text(), server_default="medium", nullable=False),
        sa.Column("assignee_id", sa.Uuid(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("position", sa.Double(), server_default="0", nullable=False),
        sa.Column("recurrence", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint("(status = 'done') = (completed_at IS NOT NULL)", name=op.f("ck_tasks_completed_if_done")),
        sa.CheckConstraint("char_length(array_to_string(tags, '')) <= 640", name=op.f("ck_tasks_tags_length")),
        sa.CheckConstraint("position > '-Infinity' AND position < 'Infinity'", name=op.f("ck_tasks_position_finite")),
        sa.CheckConstraint("priority IN ('low', 'medium', 'high', 'urgent')", name=op.f("ck_tasks_priority_allowed")),
        sa.CheckConstraint(
            "status IN ('todo', 'in_progress', 'blocked', 'done', 'cancelled')", name=op.f("ck_tasks_status_allowed")
        ),
        sa.CheckConstraint("array_position(tags, NULL) IS NULL", name=op.f("ck_tasks_tags_not_null")),
        sa.CheckConstraint("cardinality(tags) <= 20", name=op.f("ck_tasks_tags_count")),
        sa.CheckConstraint("char_length(description) <= 20000", name=op.f("ck_tasks_description_length")),
        sa.CheckConstraint("char_length(recurrence) <= 500", name=op.f("ck_tasks_recurrence_length")),
        sa.CheckConstraint("char_length(title) <= 200", name=op.f("ck_tasks_title_length")),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_tasks_not_its_own_parent")),
        sa.CheckConstraint("start_at <= due_at", name=op.f("ck_tasks_starts_before_due")),
        sa.ForeignKeyConstraint(["assignee_id"], ["users.id"], name=op.f("fk_tasks_assignee_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_tasks_created_by"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["parent_id"], ["tasks.id"], name=op.f("fk_tasks_parent_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_tasks_team_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index(
        "ix_tasks_assignee_id_due_at_id",
        "tasks",
        ["assignee_id", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_tasks_created_at_id",
        "tasks",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_tasks_created_by_created_at_id",
        "tasks",
        ["created_by", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_tasks_due_at_id", "tasks", ["due_at", "id"], unique=False, postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.create_index(op.f("ix_tasks_parent_id"), "tasks", ["parent_id"], unique=False)
    op.create_index(
        "ix_tasks_status_position_id",
        "tasks",
        ["status", "position", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_tasks_tags",
        "tasks",
        ["tags"],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_tasks_team_id_created_at_id",
        "tasks",
        ["team_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_tasks_updated_at_id",
        "tasks",
        ["updated_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "team_members",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), server_default="member", nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('lead', 'member')", name=op.f("ck_team_members_role_allowed")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_team_members_team_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_team_members_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team_id", "user_id", name=op.f("pk_team_members")),
    )
    op.create_index(op.f("ix_team_members_user_id"), "team_members", ["user_id"], unique=False)
    op.create_table(
        "team_roles",
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_team_roles_role_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_team_roles_team_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team_id", "role_id", name=op.f("pk_team_roles")),
    )
    op.create_index(op.f("ix_team_roles_role_id"), "team_roles", ["role_id"], unique=False)
    op.create_table(
        "user_permissions",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("permission", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), server_default="allow", nullable=False),
        sa.Column("level", sa.Text(), server_default="all", nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("effect IN ('allow', 'deny')", name=op.f("ck_user_permissions_effect_allowed")),
        sa.CheckConstraint("level IN ('own', 'team', 'all')", name=op.f("ck_user_permissions_level_allowed")),
        sa.ForeignKeyConstraint(
            ["granted_by"], ["users.id"], name=op.f("fk_user_permissions_granted_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["permission"], ["permissions.name"], name=op.f("fk_user_permissions_permission"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_permissions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "permission", name=op.f("pk_user_permissions")),
    )
    op.create_index(op.f("ix_user_permissions_permission"), "user_permissions", ["permission"], unique=False)
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["granted_by"], ["users.id"], name=op.f("fk_user_roles_granted_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_user_roles_role_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_roles_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_user_roles")),
    )
    op.create_index(op.f("ix_user_roles_role_id"), "user_roles", ["role_id"], unique=False)
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refresh_digest", sa.LargeBinary(), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idle_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=True),
        sa.Column("ip_address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.CheckConstraint("char_length(ip_address) <= 45", name=op.f("ck_user_sessions_ip_address_length")),
        sa.CheckConstraint("char_length(revoked_reason) <= 64", name=op.f("ck_user_sessions_revoked_reason_length")),
        sa.CheckConstraint("char_length(user_agent) <= 400", name=op.f("ck_user_sessions_user_agent_length")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_sessions_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
    )
    op.create_index("ix_user_sessions_expires_at", "user_sessions", ["expires_at"], unique=False)
    op.create_index("ix_user_sessions_user_id_created_at", "user_sessions", ["user_id", "created_at"], unique=False)
    op.create_table(
        "attachment_links",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("link_type", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.CheckConstraint("char_length(link_id) <= 128", name=op.f("ck_attachment_links_link_id_length")),
        sa.CheckConstraint("char_length(link_type) <= 64", name=op.f("ck_attachment_links_link_type_length")),
        sa.ForeignKeyConstraint(
            ["record_id"], ["attachments.id"], name=op.f("fk_attachment_links_record_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("record_id", "link_type", "link_id", name=op.f("pk_attachment_links")),
    )
    op.create_index(
        op.f("ix_attachment_links_link_type_link_id"), "attachment_links", ["link_type", "link_id"], unique=False
    )
    op.create_table(
        "event_attendees",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("response", sa.Text(), server_default="needs_action", nullable=False),
        sa.Column("responded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "response IN ('needs_action', 'accepted', 'declined', 'tentative')",
            name=op.f("ck_event_attendees_response_allowed"),
        ),
        sa.CheckConstraint("(user_id IS NULL) <> (email IS NULL)", name=op.f("ck_event_attendees_user_or_email")),
        sa.CheckConstraint("char_length(email) <= 254", name=op.f("ck_event_attendees_email_length")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_event_attendees_event_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_event_attendees_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_attendees")),
    )
    op.create_index(op.f("ix_event_attendees_user_id"), "event_attendees", ["user_id"], unique=False)
    op.create_index(
        "uq_event_attendees_event_id_email",
        "event_attendees",
        ["event_id", sa.literal_column("lower(email)")],
        unique=True,
    )
    op.create_index("uq_event_attendees_event_id_user_id", "event_attendees", ["event_id", "user_id"], unique=True)
    op.create_table(
        "event_links",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("link_type", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.CheckConstraint("char_length(link_id) <= 128", name=op.f("ck_event_links_link_id_length")),
        sa.CheckConstraint("char_length(link_type) <= 64", name=op.f("ck_event_links_link_type_length")),
        sa.ForeignKeyConstraint(
            ["record_id"], ["events.id"], name=op.f("fk_event_links_record_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("record_id", "link_type", "link_id", name=op.f("pk_event_links")),
    )
    op.create_index(op.f("ix_event_links_link_type_link_id"), "event_links", ["link_type", "link_id"], unique=False)
    op.create_table(
        "log_call_links",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("link_type", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.CheckConstraint("char_length(link_id) <= 128", name=op.f("ck_log_call_links_link_id_length")),
        sa.CheckConstraint("char_length(link_type) <= 64", name=op.f("ck_log_call_links_link_type_length")),
        sa.ForeignKeyConstraint(
            ["record_id"], ["log_calls.id"], name=op.f("fk_log_call_links_record_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("record_id", "link_type", "link_id", name=op.f("pk_log_call_links")),
    )
    op.create_index(
        op.f("ix_log_call_links_link_type_link_id"), "log_call_links", ["link_type", "link_id"], unique=False
    )
    op.create_table(
        "note_links",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("link_type", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.CheckConstraint("char_length(link_id) <= 128", name=op.f("ck_note_links_link_id_length")),
        sa.CheckConstraint("char_length(link_type) <= 64", name=op.f("ck_note_links_link_type_length")),
        sa.ForeignKeyConstraint(["record_id"], ["notes.id"], name=op.f("fk_note_links_record_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("record_id", "link_type", "link_id", name=op.f("pk_note_links")),
    )
    op.create_index(op.f("ix_note_links_link_type_link_id"), "note_links", ["link_type", "link_id"], unique=False)
    op.create_table(
        "review_links",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("link_type", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.CheckConstraint("char_length(link_id) <= 128", name=op.f("ck_review_links_link_id_length")),
        sa.CheckConstraint("char_length(link_type) <= 64", name=op.f("ck_review_links_link_type_length")),
        sa.ForeignKeyConstraint(
            ["record_id"], ["reviews.id"], name=op.f("fk_review_links_record_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("record_id", "link_type", "link_id", name=op.f("pk_review_links")),
    )
    op.create_index(op.f("ix_review_links_link_type_link_id"), "review_links", ["link_type", "link_id"], unique=False)
    op.create_table(
        "task_links",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("link_type", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.CheckConstraint("char_length(link_id) <= 128", name=op.f("ck_task_links_link_id_length")),
        sa.CheckConstraint("char_length(link_type) <= 64", name=op.f("ck_task_links_link_type_length")),
        sa.ForeignKeyConstraint(["record_id"], ["tasks.id"], name=op.f("fk_task_links_record_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("record_id", "link_type", "link_id", name=op.f("pk_task_links")),
    )
    op.create_index(op.f("ix_task_links_link_type_link_id"), "task_links", ["link_type", "link_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_task_links_link_type_link_id"), table_name="task_links")
    op.drop_table("task_links")
    op.drop_index(op.f("ix_review_links_link_type_link_id"), table_name="review_links")
    op.drop_table("review_links")
    op.drop_index(op.f("ix_note_links_link_type_link_id"), table_name="note_links")
    op.drop_table("note_links")
    op.drop_index(op.f("ix_log_call_links_link_type_link_id"), table_name="log_call_links")
    op.drop_table("log_call_links")
    op.drop_index(op.f("ix_event_links_link_type_link_id"), table_name="event_links")
    op.drop_table("event_links")
    op.drop_index("uq_event_attendees_event_id_user_id", table_name="event_attendees")
    op.drop_index("uq_event_attendees_event_id_email", table_name="event_attendees")
    op.drop_index(op.f("ix_event_attendees_user_id"), table_name="event_attendees")
    op.drop_table("event_attendees")
    op.drop_index(op.f("ix_attachment_links_link_type_link_id"), table_name="attachment_links")
    op.drop_table("attachment_links")
    op.drop_index("ix_user_sessions_user_id_created_at", table_name="user_sessions")
    op.drop_index("ix_user_sessions_expires_at", table_name="user_sessions")
    op.drop_table("user_sessions")
    op.drop_index(op.f("ix_user_roles_role_id"), table_name="user_roles")
    op.drop_table("user_roles")
    op.drop_index(op.f("ix_user_permissions_permission"), table_name="user_permissions")
    op.drop_table("user_permissions")
    op.drop_index(op.f("ix_team_roles_role_id"), table_name="team_roles")
    op.drop_table("team_roles")
    op.drop_index(op.f("ix_team_members_user_id"), table_name="team_members")
    op.drop_table("team_members")
    op.drop_index("ix_tasks_updated_at_id", table_name="tasks", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("ix_tasks_team_id_created_at_id", table_name="tasks", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(
        "ix_tasks_tags", table_name="tasks", postgresql_using="gin", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_index("ix_tasks_status_position_id", table_name="tasks", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(op.f("ix_tasks_parent_id"), table_name="tasks")
    op.drop_index("ix_tasks_due_at_id", table_name="tasks", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(
        "ix_tasks_created_by_created_at_id", table_name="tasks", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_index("ix_tasks_created_at_id", table_name="tasks", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("ix_tasks_assignee_id_due_at_id", table_name="tasks", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_table("tasks")
    op.drop_index(op.f("ix_settings_updated_at_id"), table_name="settings")
    op.drop_index("ix_settings_public_key", table_name="settings", postgresql_where=sa.text("is_public"))
    op.drop_index(op.f("ix_settings_created_at_id"), table_name="settings")
    op.drop_table("settings")
    op.drop_index(op.f("ix_role_permissions_permission"), table_name="role_permissions")
    op.drop_table("role_permissions")
    op.drop_index("ix_reviews_updated_at_id", table_name="reviews", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(
        "ix_reviews_subject_type_subject_id_status_created_at_id",
        table_name="reviews",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(
        "ix_reviews_status_created_at_id", table_name="reviews", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_index(
        "ix_reviews_created_by_created_at_id", table_name="reviews", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_index("ix_reviews_created_at_id", table_name="reviews", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_table("reviews")
    op.drop_index(op.f("ix_password_reset_tokens_user_id"), table_name="password_reset_tokens")
    op.drop_table("password_reset_tokens")
    op.drop_index("ix_notes_updated_at_id", table_name="notes", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(
        "ix_notes_tags", table_name="notes", postgresql_using="gin", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_index(
        "ix_notes_created_by_created_at_id", table_name="notes", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_index("ix_notes_created_at_id", table_name="notes", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_table("notes")
    op.drop_index("uq_log_calls_external_id", table_name="log_calls", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("ix_log_calls_updated_at_id", table_name="log_calls", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(
        "ix_log_calls_status_created_at_id", table_name="log_calls", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_index("ix_log_calls_started_at_id", table_name="log_calls", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(
        "ix_log_calls_phone_number_created_at_id",
        table_name="log_calls",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(
        "ix_log_calls_created_by_created_at_id", table_name="log_calls", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_index("ix_log_calls_created_at_id", table_name="log_calls", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_table("log_calls")
    op.drop_index("ix_events_updated_at_id", table_name="events", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("ix_events_starts_at_id", table_name="events", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(
        "ix_events_recurring", table_name="events", postgresql_where=sa.text("rrule IS NOT NULL AND deleted_at IS NULL")
    )
    op.drop_index("ix_events_ends_at_id", table_name="events", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(
        "ix_events_created_by_created_at_id", table_name="events", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_index("ix_events_created_at_id", table_name="events", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_table("events")
    op.drop_index(op.f("ix_email_verification_tokens_user_id"), table_name="email_verification_tokens")
    op.drop_table("email_verification_tokens")
    op.drop_index(
        "ix_attachments_updated_at_id", table_name="attachments", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_index(op.f("ix_attachments_sha256"), table_name="attachments")
    op.drop_index(
        "ix_attachments_parent_type_parent_id_created_at_id",
        table_name="attachments",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(
        "ix_attachments_created_by_created_at_id",
        table_name="attachments",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(
        "ix_attachments_created_at_id", table_name="attachments", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_table("attachments")
    op.drop_index("ix_api_keys_user_id", table_name="api_keys")
    op.drop_index("ix_api_keys_created_at_id", table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_index("uq_users_username_normalized", table_name="users", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("uq_users_email_normalized", table_name="users", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("ix_users_updated_at_id", table_name="users", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("ix_users_created_at_id", table_name="users", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_table("users")
    op.drop_index("uq_teams_name", table_name="teams")
    op.drop_index(op.f("ix_teams_parent_id"), table_name="teams")
    op.drop_index("ix_teams_created_at_id", table_name="teams")
    op.drop_table("teams")
    op.drop_index("uq_roles_name", table_name="roles")
    op.drop_index("ix_roles_created_at_id", table_name="roles")
    op.drop_table("roles")
    op.drop_table("permissions")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index(op.f("ix_audit_logs_target_type_target_id_seq"), table_name="audit_logs")
    op.drop_index(op.f("ix_audit_logs_request_id"), table_name="audit_logs")
    op.drop_index(op.f("ix_audit_logs_occurred_at"), table_name="audit_logs")
    op.drop_index(op.f("ix_audit_logs_actor_id_seq"), table_name="audit_logs")
    op.drop_index(
        op.f("ix_audit_logs_action_seq"), table_name="audit_logs", postgresql_ops={"action": "text_pattern_ops"}
    )
    op.drop_table("audit_logs")
    op.drop_table("audit_chain")
