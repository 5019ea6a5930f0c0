"""A reader of calendar files that shares nothing with what writes them: lines, dateutil's rules, and the file's own
VTIMEZONE, as a calendar program without a time zone database would use it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from dateutil.rrule import rrulestr  # type: ignore[import-untyped] # ships no type information

LINE: Final = re.compile(r"([A-Z-]+)((?:;[^:;]*(?:\"[^\"]*\"[^:;]*)?)*):(.*)", re.DOTALL)
ESCAPES: Final = {"\\n": "\n", "\\,": ",", "\\;": ";", "\\\\": "\\"}


@dataclass
class Component:
    """A component with its properties, in order, and those inside it."""

    name: str
    properties: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    inner: list[Component] = field(default_factory=list)

    def text(self, name: str) -> str | None:
        """The value of a property, as text."""
        values = [value for found, _, value in self.properties if found == name]
        return re.sub(r"\\.", lambda match: ESCAPES[match[0]], values[0]) if values else None

    def all(self, name: str) -> list[Component]:
        """The components of a name inside it."""
        return [one for one in self.inner if one.name == name]


def read(data: bytes) -> Component:
    """A file, whose every line must be as RFC 5545 section 3.1 wants it."""
    assert data.endswith(b"\r\n")
    for line in data[:-2].split(b"\r\n"):
        assert len(line) <= 75, line
        assert not set(line) & {10, 13}, line
        line.decode()  # no character is broken in two
    open_ones = [Component("")]
    for text in data.decode().replace("\r\n ", "")[:-2].split("\r\n"):
        match = LINE.fullmatch(text)
        assert match is not None, text
        name, value = match[1], match[3]
        if name == "BEGIN":
            made = Component(value)
            open_ones[-1].inner.append(made)
            open_ones.append(made)
        elif name == "END":
            assert open_ones.pop().name == value
        else:
            parameters = dict(part.split("=", 1) for part in match[2].split(";")[1:])
            open_ones[-1].properties.append((name, parameters, value))
    (calendar,) = open_ones[0].inner
    return calendar


def clock(text: str) -> datetime:
    """A local time or a date, without a zone."""
    return datetime.strptime(text[:15].rstrip("Z"), "%Y%m%dT%H%M%S" if "T" in text else "%Y%m%d")  # noqa: DTZ007


def offset_at(zone: Component, local: datetime) -> timedelta:
    """What the last observance before a local time says (RFC 5545 section 3.6.5)."""
    found: list[tuple[datetime, timedelta]] = []
    for observance in zone.inner:
        (start,) = [clock(value) for name, _, value in observance.properties if name == "DTSTART"]
        (text,) = [value for name, _, value in observance.properties if name == "TZOFFSETTO"]
        offset = timedelta(hours=int(text[:3]), minutes=int(text[0] + text[3:5]))
        onsets = [start]
        for name, _, value in observance.properties:
            if name == "RDATE":
                onsets += [clock(one) for one in value.split(",")]
            if name == "RRULE":
                onsets += list(rrulestr(value, dtstart=start).between(start, local + timedelta(days=1)))
        found += [(onset, offset) for onset in onsets if onset <= local]
    return max(found)[1]


def moment(calendar: Component, parameters: dict[str, str], text: str) -> datetime:
    """A time in UTC, by the zone that the file itself describes."""
    if text.endswith("Z"):
        return clock(text).replace(tzinfo=UTC)
    (zone,) = [one for one in calendar.all("VTIMEZONE") if one.text("TZID") == parameters["TZID"]]
    local = clock(text)
    return (local - offset_at(zone, local)).replace(tzinfo=UTC)


def starts(calendar: Component, event: Component, low: datetime, high: datetime) -> list[datetime]:
    """When an event starts between two moments: its rule in local time, each by the offset of its own day."""
    told = {name: (parameters, value) for name, parameters, value in event.properties if name != "EXDATE"}
    parameters, value = told["DTSTART"]
    first = clock(value)
    days = [first]
    if "RRULE" in told:
        rule = re.sub(r"(UNTIL=\d{8}T\d{6})Z", r"\1", told["RRULE"][1])  # near enough: it is hours off at most
        days = rrulestr(rule, dtstart=first).between(first - timedelta(1), high.replace(tzinfo=None) + timedelta(1))
    left_out = {moment(calendar, given, text) for name, given, text in event.properties if name == "EXDATE"}
    zone = {} if value.endswith("Z") else parameters
    suffix = "Z" if value.endswith("Z") else ""
    found = [moment(calendar, zone, f"{day:%Y%m%dT%H%M%S}{suffix}") for day in days]
    return [one for one in found if low <= one < high and one not in left_out]
