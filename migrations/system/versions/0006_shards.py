"""Shards: where a tenant is being moved to, and which installation a database belongs to.

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


def upgrade() -> None:
    op.add_column("tenants", sa.Column("moving_to", sa.Text(), nullable=True), schema="system")
    op.create_table(
        "installation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("shard", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
        schema="system",
    )
    op.execute("INSERT INTO system.installation (id, shard) VALUES (gen_random_uuid(), 'default')")


def downgrade() -> None:
    op.drop_table("installation", schema="system")
    op.drop_column("tenants", "moving_to", schema="system")
