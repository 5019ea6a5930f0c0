"""The tenant tree: its revisions, and the batch that builds an empty tenant in one message."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from database import quote_identifier

FOLDER: Final = Path(__file__).parent
SHARED_RIGHTS_TURN: Final = "SELECT pg_advisory_xact_lock(7300004)"
_REVISION_LINE: Final = "-- revision: "


@cache
def schema_sql() -> str:
    """Every statement of the tree, as ``make schema`` wrote it from the revisions; a test proves both equal."""
    return (FOLDER / "schema.sql").read_text()


@cache
def expected_revision() -> str:
    """The revision this code works with, read from the batch's first line: the service need not load Alembic for it."""
    first_line = schema_sql().partition("\n")[0]
    assert first_line.startswith(_REVISION_LINE)
    return first_line.removeprefix(_REVISION_LINE)


def rights_sql(schema: str, role: str) -> str:
    """The grants of a tenant's role on its schema."""
    template = (FOLDER / "rights.sql").read_text()
    return template.format(schema=quote_identifier(schema), role=quote_identifier(role))


def shared_rights_sql(role: str) -> str:
    """The grants of a tenant's role on what all tenants share: the way out, by which it orders jobs in its own name.

    To be run last. Of two transactions that change one object's grants at once PostgreSQL fails one, so each waits for
    the commit of the one before.
    """
    quoted = quote_identifier(role)
    return (
        f"{SHARED_RIGHTS_TURN}; GRANT USAGE ON SCHEMA system TO {quoted};"
        f"GRANT EXECUTE ON FUNCTION system.enqueue(jsonb) TO {quoted}"
    )


def render_schema_sql(statements: str, revision: str) -> str:
    """The text of ``schema.sql``."""
    notice = "-- Made by `make schema` from the revisions. Do not edit."
    return f"{_REVISION_LINE}{revision}\n{notice}\n\n{statements.strip()}\n"
