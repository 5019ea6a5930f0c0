"""The audit chain's head and the functions around it: see ``migrations/audit_chain.py``.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from migrations.audit_chain import create_chain, drop_chain

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_chain()


def downgrade() -> None:
    drop_chain()
