"""Feature flags, the history of settings, checkpoints and tombstones of the audit chain.

Entries of the audit log may now be deleted if a tombstone covers them. Only the owner role can write one, and what is
not signed by the service is found by verification.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


REFUSE = """
CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_logs' THEN
        IF EXISTS (SELECT FROM audit_tombstones WHERE through_seq >= OLD.seq) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log cannot be changed' USING ERRCODE = 'insufficient_privilege';
END
$$
"""
REFUSE_ALL = """
CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log cannot be changed' USING ERRCODE = 'insufficient_privilege';
END
$$
"""
# What holds for a stored value, before and after a row could be one whose value was taken away.
BEFORE = {
    "value_unless_secret": "(value_type = 'secret') = (value IS NULL)",
    "secret_value_if_secret": "(value_type = 'secret') = (secret_value IS NOT NULL)",
    "value_length": "octet_length(value::text) <= 65536",
    "secret_value_length": "octet_length(secret_value) <= 65536",
}
AFTER = {
    "value_unless_secret": "(is_set AND value_type <> 'secret') = (value IS NOT NULL)",
    "secret_value_if_secret": "(is_set AND value_type = 'secret') = (secret_value IS NOT NULL)",
    "value_length": "octet_length(value::text) <= 70000",
    "secret_value_length": "octet_length(secret_value) <= 70000",
}


def _replace_checks(checks: dict[str, str]) -> None:
    for name, condition in checks.items():
        op.drop_constraint(op.f(f"ck_settings_{name}"), "settings", type_="check")
        op.create_check_constraint(op.f(f"ck_settings_{name}"), "settings", condition)


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
    )
    op.create_table(
        "audit_tombstones",
        sa.Column("through_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("char_length(key_id) <= 64", name=op.f("ck_audit_tombstones_key_id_length")),
        sa.CheckConstraint("octet_length(hash) = 32", name=op.f("ck_audit_tombstones_hash_length")),
        sa.CheckConstraint("through_seq >= 1", name=op.f("ck_audit_tombstones_through_seq_positive")),
        sa.PrimaryKeyConstraint("through_seq", "key_id", name=op.f("pk_audit_tombstones")),
    )
    op.create_table(
        "flag_sets",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("evaluators", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("jsonb_typeof(evaluators) = 'object'", name=op.f("ck_flag_sets_evaluators_object")),
        sa.CheckConstraint("jsonb_typeof(metadata) = 'object'", name=op.f("ck_flag_sets_metadata_object")),
        sa.CheckConstraint("id = 1", name=op.f("ck_flag_sets_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flag_sets")),
    )
    op.create_table(
        "setting_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("value_type", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("secret_value", sa.LargeBinary(), nullable=True),
        sa.Column("is_set", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.Column("changed_by_name", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(is_set AND value_type <> 'secret') = (value IS NOT NULL)",
            name=op.f("ck_setting_changes_value_unless_secret"),
        ),
        sa.CheckConstraint(
            "(is_set AND value_type = 'secret') = (secret_value IS NOT NULL)",
            name=op.f("ck_setting_changes_secret_value_if_secret"),
        ),
        sa.CheckConstraint(
            "CASE value_type\n    WHEN 'string' THEN jsonb_typeof(value) = 'string'\n    WHEN 'integer' THEN value::text ~ '^-?[0-9]+$'\n    WHEN 'number' THEN jsonb_typeof(value) = 'number'\n    WHEN 'boolean' THEN jsonb_typeof(value) = 'boolean'\n    ELSE true\nEND",
            name=op.f("ck_setting_changes_value_has_its_type"),
        ),
        sa.CheckConstraint("key ~ '^[a-z][a-z0-9_.-]{0,127}$'", name=op.f("ck_setting_changes_key_form")),
        sa.CheckConstraint(
            "value_type IN ('string', 'integer', 'number', 'boolean', 'json', 'secret')",
            name=op.f("ck_setting_changes_value_type_allowed"),
        ),
        sa.CheckConstraint(
            "char_length(changed_by_name) <= 254", name=op.f("ck_setting_changes_changed_by_name_length")
        ),
        sa.CheckConstraint("octet_length(secret_value) <= 70000", name=op.f("ck_setting_changes_secret_value_length")),
        sa.CheckConstraint("octet_length(value::text) <= 70000", name=op.f("ck_setting_changes_value_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setting_changes")),
        sa.UniqueConstraint("key", "version", name=op.f("uq_setting_changes_key_version")),
    )
    op.create_table(
        "feature_flags",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="ENABLED", nullable=False),
        sa.Column("variants", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("default_variant", sa.Text(), nullable=True),
        sa.Column("targeting", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("switch_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("switch_to", sa.Text(), nullable=True),
        sa.Column("last_evaluated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("jsonb_typeof(metadata) = 'object'", name=op.f("ck_feature_flags_metadata_object")),
        sa.CheckConstraint("jsonb_typeof(targeting) = 'object'", name=op.f("ck_feature_flags_targeting_object")),
        sa.CheckConstraint("jsonb_typeof(variants) = 'object'", name=op.f("ck_feature_flags_variants_object")),
        sa.CheckConstraint("key ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$'", name=op.f("ck_feature_flags_key_form")),
        sa.CheckConstraint("state IN ('ENABLED', 'DISABLED')", name=op.f("ck_feature_flags_state_allowed")),
        sa.CheckConstraint("switch_to IN ('ENABLED', 'DISABLED')", name=op.f("ck_feature_flags_switch_to_allowed")),
        sa.CheckConstraint("(switch_at IS NULL) = (switch_to IS NULL)", name=op.f("ck_feature_flags_switch_complete")),
        sa.CheckConstraint("char_length(default_variant) <= 128", name=op.f("ck_feature_flags_default_variant_length")),
        sa.CheckConstraint("char_length(description) <= 2000", name=op.f("ck_feature_flags_description_length")),
        sa.ForeignKeyConstraint(
            ["updated_by"], ["users.id"], name=op.f("fk_feature_flags_updated_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feature_flags")),
        sa.UniqueConstraint("key", name=op.f("uq_feature_flags_key")),
    )
    op.create_index(op.f("ix_feature_flags_created_at_id"), "feature_flags", ["created_at", "id"], unique=False)
    op.create_index(op.f("ix_feature_flags_updated_at_id"), "feature_flags", ["updated_at", "id"], unique=False)
    op.add_column("settings", sa.Column("is_set", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.drop_index(op.f("ix_settings_created_at_id"), table_name="settings")
    op.drop_index("ix_settings_public_key", table_name="settings", postgresql_where=sa.text("is_public"))
    op.drop_index(op.f("ix_settings_updated_at_id"), table_name="settings")
    _replace_checks(AFTER)
    op.create_index(op.f("ix_audit_logs_actor_type_seq"), "audit_logs", ["actor_type", "seq"], unique=False)
    op.create_index(
        "ix_audit_logs_failures_seq",
        "audit_logs",
        ["seq"],
        unique=False,
        postgresql_where=sa.text("outcome = 'failure'"),
    )
    op.execute(REFUSE)
    for table in ("audit_tombstones", "audit_checkpoints"):
        op.execute(
            f"CREATE TRIGGER {table}_refuse_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION audit_refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_refuse_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_refuse_change")
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_refuse_truncate")


def downgrade() -> None:
    op.execute(REFUSE_ALL)
    op.drop_index("ix_audit_logs_failures_seq", table_name="audit_logs")
    op.drop_index(op.f("ix_audit_logs_actor_type_seq"), table_name="audit_logs")
    op.execute("DELETE FROM settings WHERE NOT is_set")
    _replace_checks(BEFORE)
    op.create_index(op.f("ix_settings_updated_at_id"), "settings", ["updated_at", "id"], unique=False)
    op.create_index("ix_settings_public_key", "settings", ["key"], unique=False, postgresql_where=sa.text("is_public"))
    op.create_index(op.f("ix_settings_created_at_id"), "settings", ["created_at", "id"], unique=False)
    op.drop_column("settings", "is_set")
    op.drop_index(op.f("ix_feature_flags_updated_at_id"), table_name="feature_flags")
    op.drop_index(op.f("ix_feature_flags_created_at_id"), table_name="feature_flags")
    op.drop_table("feature_flags")
    op.drop_table("setting_changes")
    op.drop_table("flag_sets")
    op.drop_table("audit_tombstones")
    op.drop_table("audit_checkpoints")
