"""The tenant tree: its revisions, and the batch that builds an empty tenant in one message."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, Literal

from database import quote_identifier

FOLDER: Final = Path(__file__).parent
_REVISION_LINE: Final = "-- revision: "
_MADE: Final = re.compile(r"^(CREATE|DROP) (TABLE|FUNCTION) (\w+)", re.MULTILINE)


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
    """The grants of a tenant's role on its schema, which is at the newest revision.

    Tables and functions are named: for ``ALL TABLES IN SCHEMA`` PostgreSQL reads the names of every tenant's tables.
    """
    quoted = quote_identifier(schema)
    tables, functions = (", ".join(f"{quoted}.{name}" for name in names_of(kind)) for kind in ("TABLE", "FUNCTION"))
    return _rights_template().format(schema=quoted, role=quote_identifier(role), tables=tables, functions=functions)


@cache
def names_of(kind: Literal["TABLE", "FUNCTION"]) -> tuple[str, ...]:
    """The tables or the functions that the batch leaves behind."""
    names = dict[str, None]()
    for verb, made, name in _MADE.findall(schema_sql()):
        if made == kind:
            names.pop(name, None)
            if verb == "CREATE":
                names[name] = None
    return tuple(names)


@cache
def _rights_template() -> str:
    return (FOLDER / "rights.sql").read_text()


def render_schema_sql(statements: str, revision: str) -> str:
    """The text of ``schema.sql``."""
    notice = "-- Made by `make schema` from the revisions. Do not edit."
    return f"{_REVISION_LINE}{revision}\n{notice}\n\n{statements.strip()}\n"
