"""Calls: what has not taken place has no end, and lists by when they began.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LIVING = sa.text("deleted_at IS NULL")
RULES = {
    "started_if_ended": "ended_at IS NULL OR started_at IS NOT NULL",
    "not_held_not_ended": ("status NOT IN ('planned', 'cancelled') OR (ended_at IS NULL AND duration_seconds IS NULL)"),
}


def upgrade() -> None:
    for name, rule in RULES.items():
        op.create_check_constraint(op.f(f"ck_log_calls_{name}"), "log_calls", rule)
    op.drop_index("ix_log_calls_started_at_id", table_name="log_calls")
    began_at = sa.text("coalesce(started_at, created_at)")
    op.create_index("ix_log_calls_began_at_id", "log_calls", [began_at, "id"], postgresql_where=LIVING)
    contact = ["contact_ref", "created_at", "id"]
    op.create_index("ix_log_calls_contact_ref_created_at_id", "log_calls", contact, postgresql_where=LIVING)


def downgrade() -> None:
    op.drop_index("ix_log_calls_contact_ref_created_at_id", table_name="log_calls")
    op.drop_index("ix_log_calls_began_at_id", table_name="log_calls")
    op.create_index("ix_log_calls_started_at_id", "log_calls", ["started_at", "id"], postgresql_where=LIVING)
    for name in reversed(RULES):
        op.drop_constraint(op.f(f"ck_log_calls_{name}"), "log_calls", type_="check")
