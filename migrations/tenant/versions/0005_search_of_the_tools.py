"""The words of the tools' records, for the full-text search: a generated column and its index on each.

The tables are rewritten. No release before this one could fill them, so there is nothing in them to rewrite.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STEMMING = (
    "CASE language WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig WHEN 'el' THEN 'greek'::regconfig "
    "WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig "
    "WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig "
    "WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig "
    "WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig "
    "WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END"
)
WEIGHTS = {
    "notes": {"A": "title", "B": "content"},
    "tasks": {"A": "title", "B": "description"},
    "log_calls": {"A": "contact_name", "B": "outcome", "C": "notes", "D": "phone_number"},
    "attachments": {"A": "file_name", "B": "description"},
    "events": {"A": "title", "B": "description", "C": "location"},
    "reviews": {"A": "title", "B": "body", "C": "reviewer_name", "D": "reply"},
}
LIVING = sa.text("deleted_at IS NULL")


def _vector(weights: dict[str, str]) -> str:
    return " || ".join(
        f"setweight(to_tsvector({dictionary}, coalesce({column}, '')), '{weight}')"
        for weight, column in weights.items()
        for dictionary in ("'simple'::regconfig", STEMMING)
    )


def upgrade() -> None:
    for table, weights in WEIGHTS.items():
        op.add_column(table, sa.Column("language", sa.Text(), server_default="", nullable=False))
        op.create_check_constraint(op.f(f"ck_{table}_language_length"), table, "char_length(language) <= 8")
        vector = sa.Computed(_vector(weights), persisted=True)
        op.add_column(table, sa.Column("search", postgresql.TSVECTOR(), vector, nullable=False))
        op.create_index(f"ix_{table}_search", table, ["search"], postgresql_using="gin", postgresql_where=LIVING)


def downgrade() -> None:
    for table in reversed(WEIGHTS):
        op.drop_index(f"ix_{table}_search", table_name=table)
        op.drop_column(table, "search")
        op.drop_constraint(op.f(f"ck_{table}_language_length"), table, type_="check")
        op.drop_column(table, "language")
