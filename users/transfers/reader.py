"""Reading a CSV file of users (RFC 4180, UTF-8)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from pydantic import ValidationError

from common.errors import ImportInvalid
from common.ids import new_id
from common.spreadsheets import read_cells, read_list, read_records
from serving.loading import Past, begin
from users.schemas import normalize_email, normalize_username
from users.transfers.schemas import ImportedUser, LineError

MAX_LINES: Final = 5000
REQUIRED: Final = frozenset({"email", "username"})
LISTS: Final = frozenset({"roles", "teams"})  # names, separated by semicolons


@dataclass(slots=True)
class Line:
    """A line of the file; ``user`` is None when it could not be read. ``errors`` grow with every check."""

    number: int
    user: ImportedUser | None
    errors: list[LineError] = field(default_factory=list)
    id: UUID = field(default_factory=new_id)
    past: Past | None = None  # of a user of another system

    @property
    def begun(self) -> Past:
        """Where its user begins."""
        return replace(begin(self.past), id=self.id)

    def refuse(self, column: str | None, code: str, message: str) -> None:
        """Note a fault."""
        self.errors.append(LineError(column=column, code=code, message=message))


def read_lines(body: bytes) -> list[Line]:
    """The lines of a file. Raises ImportInvalid if it is no such file; what is wrong with one line, that line says."""
    try:
        text = body.decode("utf-8-sig")
        records = list(read_records(io.StringIO(text, newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ImportInvalid(f"The body is not CSV in UTF-8: {error}.") from None
    if not records:
        raise ImportInvalid("The file is empty; its first line must name the columns.")
    if len(records) - 1 > MAX_LINES:
        raise ImportInvalid(f"A file may have at most {MAX_LINES} lines beside the header.")
    columns = _columns(records[0][1])
    lines = [_line(number, columns, cells) for number, cells in records[1:]]
    refuse_repetitions(lines)
    return lines


def _columns(header: Sequence[str]) -> list[str]:
    columns = [name.strip().lower() for name in header]
    unknown = set(columns) - ImportedUser.model_fields.keys()
    if unknown or len(set(columns)) != len(columns) or not set(columns) >= REQUIRED:
        known = ", ".join(ImportedUser.model_fields)
        raise ImportInvalid(f"The first line must name columns, email and username among them, each once: {known}.")
    return columns


def _line(number: int, columns: Sequence[str], cells: Sequence[str]) -> Line:
    if len(cells) != len(columns):
        line = Line(number, None)
        line.refuse(None, "columns", f"The line has {len(cells)} cells, the header {len(columns)}.")
        return line
    values = read_cells(columns, cells)
    try:
        user = ImportedUser.model_validate({name: _value(name, text) for name, text in values.items()})
    except ValidationError as error:
        line = Line(number, None)
        for item in error.errors(include_url=False, include_input=False):
            line.refuse(str(item["loc"][0]), item["type"], item["msg"])
        return line
    return Line(number, user)


def _value(name: str, text: str) -> object:
    return read_list(text) if name in LISTS else text


def refuse_repetitions(lines: Sequence[Line]) -> None:
    """Of lines with the same address or user name, only the first may stand."""
    emails: set[str] = set()
    usernames: set[str] = set()
    for line in lines:
        if line.user is None:
            continue
        email, username = normalize_email(line.user.email), normalize_username(line.user.username)
        if email in emails:
            line.refuse("email", "email_taken", "An earlier line has this e-mail address.")
        if username in usernames:
            line.refuse("username", "username_taken", "An earlier line has this user name.")
        emails.add(email)
        usernames.add(username)
