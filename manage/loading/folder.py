"""A folder with a file for each kind: ``notes.ndjson`` with an object in each line, or ``notes.csv`` (RFC 4180)."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from common.spreadsheets import read_cells, read_list, read_records
from manage.loading.rows import Row
from manage.problems import CommandError

MAX_LINE: Final = 1_048_576  # characters; the longest note has a tenth of it
CONTENTS: Final = "attachments"
LISTS: Final = frozenset({"roles", "teams", "tags", "permissions"})  # of names, in CSV separated by semicolons
OBJECTS: Final = frozenset({"links", "attendees", "reminders", "exdates", "value"})  # in CSV written as JSON
TYPED: Final = frozenset(  # what is true, false or a number, to which its text is none
    (
        *("is_active", "is_verified", "is_pinned", "is_private", "is_public", "all_day"),
        *("position", "duration_seconds"),
    )
)
FORMS: Final = ("ndjson", "csv")


class Folder:
    """A folder of such files, and of one with the contents of attachments."""

    def __init__(self, path: Path, kinds: Sequence[str], contents: Path | None = None) -> None:
        if not path.is_dir():
            raise CommandError(f"{path} is no folder.")
        named = {kind: [path / f"{kind}.{form}" for form in FORMS] for kind in kinds}
        found = {kind: [file for file in files if file.is_file()] for kind, files in named.items()}
        for kind, files in found.items():
            if len(files) > 1:
                raise CommandError(f"There are two files of {kind}: {files[0].name} and {files[1].name}.")
        self._files = {kind: files[0] for kind, files in found.items() if files}
        if not self._files:
            raise CommandError(f"{path} has no file of a known name, such as users.ndjson or notes.csv.")
        self.contents: Path | None = contents or (path / CONTENTS)

    def place(self, kind: str) -> str | None:
        """The file's name."""
        return self._files[kind].name if kind in self._files else None

    async def count(self, kind: str) -> int:
        """How many lines there are."""
        return await asyncio.to_thread(lambda: sum(1 for _ in read_file(self._files[kind])))

    async def rows(self, kind: str) -> AsyncIterator[Row]:
        """The lines, in constant memory."""
        for row in read_file(self._files[kind]):
            yield row


def read_file(path: Path) -> Iterator[Row]:
    """The lines of one file. Raises CommandError for one that is no such file at all."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from (_csv(file, path) if path.suffix == ".csv" else _ndjson(file))
    except UnicodeDecodeError as error:
        raise CommandError(f"{path.name} is not UTF-8: {error.reason} at byte {error.start}.") from None
    except (OSError, csv.Error) as error:
        raise CommandError(f"{path.name} cannot be read: {error}.") from None


def _ndjson(file: Any) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        if line.isspace():
            continue
        if len(line) > MAX_LINE:
            yield Row(number, {}, f"The line is longer than {MAX_LINE} characters.")
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        yield Row(number, values) if isinstance(values, dict) else Row(number, {}, "The line is no JSON object.")


def _csv(file: Any, path: Path) -> Iterator[Row]:
    before = csv.field_size_limit(MAX_LINE)  # of the whole process
    try:
        records = read_records(file)
        first, header = next(records, (1, []))
        columns = [name.strip().lower() for name in header] if first == 1 else []
        if not columns or len(set(columns)) != len(columns):
            raise CommandError(f"The first line of {path.name} must name its columns, each once.")
        for number, cells in records:
            yield _csv_row(number, columns, cells)
    finally:
        csv.field_size_limit(before)


def _csv_row(number: int, columns: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) != len(columns):
        return Row(number, {}, f"The line has {len(cells)} cells, the header {len(columns)}.")
    try:
        return Row(number, {name: _value(name, text) for name, text in read_cells(columns, cells).items()})
    except ValueError as error:
        return Row(number, {}, str(error))


def _value(name: str, text: str) -> Any:
    if name in LISTS:
        return read_list(text)
    if name in TYPED:
        return _typed(text)
    if name not in OBJECTS:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"The cell of {name} is no JSON.") from None


def _typed(text: str) -> Any:
    """A word or number as what it says; anything else stays text, for the shape to refuse."""
    try:
        return json.loads(text.lower())
    except (ValueError, RecursionError):
        return text
