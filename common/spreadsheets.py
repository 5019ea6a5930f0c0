"""Tables of text (CSV, RFC 4180), and text in them that spreadsheets may take for a formula (OWASP, CSV injection)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

# The full-width forms act like the plain ones in some spreadsheets.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def defuse(text: str) -> str:
    """The text, behind one more apostrophe if a spreadsheet could take it for a formula, or already has any."""
    return f"'{text}" if text.lstrip("'").startswith(FORMULA_STARTS) else text


def restore(text: str) -> str:
    """The text as it was before ``defuse``."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA_STARTS) else text


def read_records(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """The records that have anything in them, each with the number of the line it begins in. Raises csv.Error."""
    reader = csv.reader(lines, strict=True)
    begin = 1
    for cells in reader:
        if any(cells):
            yield begin, cells
        begin = reader.line_num + 1


def read_cells(columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """What the cells of a record say; one with nothing in it says nothing."""
    return {name: restore(cell.strip()) for name, cell in zip(columns, cells, strict=True) if cell.strip()}


def read_list(text: str) -> list[str]:
    """What a cell lists, separated by semicolons."""
    return [part.strip() for part in text.split(";") if part.strip()]
