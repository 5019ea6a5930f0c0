"""The lines that calendar files are made of (RFC 5545 section 3.1).

Written here, because a feed of thousands of events is to be there within a second: the library that reads them makes
objects of every property first, and takes two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from icalendar import Timezone

PRODUCT: Final = "-//System Service//Events//EN"
MAX_OCTETS: Final = 75
_CONTROLS: Final = dict.fromkeys([*range(9), *range(11, 32), 127])  # all but tab and line feed: no file may have them
# To RFC 5545 these are characters like any other, but to programs that split a file as Unicode does they end a line.
_BREAKS: Final = "\x85\u2028\u2029"
_ESCAPES: Final = (
    _CONTROLS
    | str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
    | dict.fromkeys(map(ord, _BREAKS), "\\n")
)
_SPECIAL: Final = re.compile(rf"[\x00-\x08\x0a-\x1f\x7f\\;,{_BREAKS}]")
_IN_QUOTES: Final = _CONTROLS | str.maketrans({'"': "'"} | dict.fromkeys(f"\n{_BREAKS}", " "))


def escape(text: str) -> str:
    """A TEXT value (section 3.3.11)."""
    return text.translate(_ESCAPES) if _SPECIAL.search(text) else text


def quote(text: str) -> str:
    """A parameter's value (section 3.2), which has no way to hold a quote or a line break."""
    return f'"{text.translate(_IN_QUOTES)}"'


def utc(moment: datetime) -> str:
    """A moment as a UTC time (section 3.3.5)."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def fold(line: str) -> str:
    """A line of at most 75 octets and its continuations; no character is broken in two."""
    if line.isascii():
        return _fold_ascii(line) if len(line) > MAX_OCTETS else line
    if len(line.encode()) <= MAX_OCTETS:
        return line
    parts, room, begin, used = [], MAX_OCTETS, 0, 0
    for place, character in enumerate(line):
        size = len(character.encode())
        if used + size > room:
            parts.append(line[begin:place])
            begin, used, room = place, 0, MAX_OCTETS - 1  # the space before a continuation counts
        used += size
    return "\r\n ".join([*parts, line[begin:]])


def _fold_ascii(line: str) -> str:
    step = MAX_OCTETS - 1
    rest = [line[place : place + step] for place in range(MAX_OCTETS, len(line), step)]
    return "\r\n ".join([line[:MAX_OCTETS], *rest])


def write_calendar(components: Iterable[str], *, zones: Iterable[str], method: str, name: str | None = None) -> str:
    """A whole file with the time zones that its components use."""
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN", f"METHOD:{method}"]
    if name is not None:
        shown = escape(name)
        head += [
            f"NAME:{shown}",
            f"X-WR-CALNAME:{shown}",
            "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
            "X-PUBLISHED-TTL:PT1H",
        ]
    parts = ["\r\n".join(map(fold, head)), *(describe_zone(zone) for zone in sorted(zones)), *components]
    return "\r\n".join([*parts, "END:VCALENDAR", ""])


@lru_cache(maxsize=1024)
def describe_zone(zone: str) -> str:
    """A VTIMEZONE (section 3.6.5). Making one takes some 10 ms."""
    text: str = Timezone.from_tzid(zone).to_ical().decode()
    return text.rstrip("\r\n")
