"""Reading a calendar file as far as events need it (RFC 5545), whatever is in it.

Line by line, in time that grows with the file and not with its nesting or quoting. What is wrong with the file as a
whole refuses it; what is wrong with an entry is that entry's error.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from common.errors import ImportInvalid

MAX_ENTRIES: Final = 1_000
MAX_LINES: Final = 200_000
MAX_DEPTH: Final = 8
MAX_UID: Final = 255
ENTRY: Final = ("VCALENDAR", "VEVENT")
NO_CALENDAR: Final = "The file must be VCALENDARs from its first line to its last."

_ENDING: Final = re.compile(r"\r\n|\n|\r")
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


class EntryError(Exception):
    """What is wrong with one entry: a stable code, and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Property:
    """A line. Names are in upper case; parameters without their quotes."""

    name: str
    parameters: dict[str, str]
    value: str

    @property
    def text(self) -> str:
        """The value as text (section 3.3.11)."""
        return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], self.value)


@dataclass(slots=True)
class Entry:
    """A VEVENT: its lines, without those of what is inside it, such as alarms."""

    position: int
    lines: list[str] = field(default_factory=list)
    properties: dict[str, list[Property]] = field(default_factory=dict)

    def one(self, name: str) -> Property | None:
        """The only property of a name. Raises EntryError if there are several."""
        found = self.all(name)
        if len(found) > 1:
            raise EntryError("property_repeated", f"{name} must be there once.")
        return found[0] if found else None

    def all(self, name: str) -> list[Property]:
        """The properties of a name."""
        return self.properties.get(name, [])

    @property
    def uid(self) -> str:
        """By which an entry is known again; of one without, or with an endless one, a digest of all it says."""
        given = self.all("UID")
        uid = given[0].text.strip().replace("\0", "") if given else ""
        if 1 <= len(uid) <= MAX_UID:
            return uid
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """What a file holds. ``zone`` is the one that times without any are in, if the file says so."""

    entries: list[Entry]
    zone: str | None


def read_file(data: bytes) -> CalendarFile:
    """The entries of a file. Raises ImportInvalid."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImportInvalid("The file must be in UTF-8.") from None
    structure = _Structure()
    for line in _unfold(text):
        structure.take(line)
    if structure.path or not structure.has_begun:
        raise ImportInvalid(NO_CALENDAR)
    return CalendarFile(structure.entries, structure.zone)


@dataclass(slots=True)
class _Structure:
    """What was read of a file so far: the components that the next line is in, and the entries."""

    path: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    zone: str | None = None
    has_begun: bool = False

    def take(self, line: str) -> None:
        """The next line. Raises ImportInvalid."""
        name, _, value = line.partition(":")
        name, value = name.strip().upper(), value.strip()
        if name == "BEGIN":
            self._begin(value.upper())
        elif not self.path:
            raise ImportInvalid(NO_CALENDAR)
        elif name == "END":
            if self.path.pop() != value.upper():
                raise ImportInvalid(f"END:{value[:40]} does not end what was begun last.")
        elif tuple(self.path) == ENTRY:
            self.entries[-1].lines.append(line)
        elif len(self.path) == 1 and name == "X-WR-TIMEZONE":
            self.zone = value

    def _begin(self, component: str) -> None:
        self.path.append(component)
        self.has_begun = True
        if self.path[0] != "VCALENDAR" or "VCALENDAR" in self.path[1:]:
            raise ImportInvalid(NO_CALENDAR)
        if len(self.path) > MAX_DEPTH:
            raise ImportInvalid("The components of the file lie too deep in each other.")
        if tuple(self.path) == ENTRY:
            self.entries.append(Entry(len(self.entries) + 1))
            if len(self.entries) > MAX_ENTRIES:
                raise ImportInvalid(f"A file may have {MAX_ENTRIES:,} events at most.")


def read_properties(entry: Entry) -> None:
    """Read an entry's lines. Raises EntryError."""
    for line in entry.lines:
        found = read_property(line)
        entry.properties.setdefault(found.name, []).append(found)


def read_property(line: str) -> Property:
    """One line, in one pass. Raises EntryError."""
    marks, quoted = [], False
    for place, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif not quoted and character in ";:":
            marks.append(place)
            if character == ":":
                break
    if not marks or line[marks[-1]] != ":" or _NAME.fullmatch(line[: marks[0]]) is None:
        raise EntryError("line_invalid", f"This is no property: {line[:40]!r}")
    parameters = {}
    for begin, end in pairwise(marks):
        name, _, value = line[begin + 1 : end].partition("=")
        parameters[name.upper()] = value.strip('"')
    return Property(line[: marks[0]].upper(), parameters, line[marks[-1] + 1 :])


def _unfold(text: str) -> Iterator[str]:
    """The lines, each with its continuations (section 3.1); empty ones, which some programs write, left out."""
    parts: list[str] = []
    for number, line in enumerate(_ENDING.split(text)):
        if number > MAX_LINES:
            raise ImportInvalid(f"A file may have {MAX_LINES:,} lines at most.")
        if line[:1] in {" ", "\t"} and parts:
            parts.append(line[1:])
        else:
            if parts and (whole := "".join(parts)).strip():
                yield whole
            parts = [line]
    if parts and (whole := "".join(parts)).strip():
        yield whole
