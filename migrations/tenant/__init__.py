"""The tenant tree: its revisions, and the batch that builds an empty tenant in one message."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from database import quote_identifier

FOLDER: Final = Path(__file__).parent
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


def render_schema_sql(statements: str, revision: str) -> str:
    """The text of ``schema.sql``."""
    notice = "-- Made by `make schema` from the revisions. Do not edit."
    return f"{_REVISION_LINE}{revision}\n{notice}\n\n{statements.strip()}\n"
