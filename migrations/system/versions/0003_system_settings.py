"""Settings of the whole system, with locks.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value_type", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("secret_value", sa.LargeBinary(), nullable=True),
        sa.Column("is_set", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("is_locked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("is_public", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(is_set AND value_type <> 'secret') = (value IS NOT NULL)", name=op.f("ck_settings_value_unless_secret")
        ),
        sa.CheckConstraint(
            "(is_set AND value_type = 'secret') = (secret_value IS NOT NULL)",
            name=op.f("ck_settings_secret_value_if_secret"),
        ),
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
        sa.CheckConstraint("octet_length(secret_value) <= 70000", name=op.f("ck_settings_secret_value_length")),
        sa.CheckConstraint("octet_length(value::text) <= 70000", name=op.f("ck_settings_value_length")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_settings")),
        schema="system",
    )


def downgrade() -> None:
    op.drop_table("settings", schema="system")
