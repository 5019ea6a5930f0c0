"""Times and time zones of calendar files, as other programs write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from tools.events.importing.reader import Entry, EntryError, Property
from tools.events.schedule import moment_of
from users import TIMEZONES

MAX_TIMES: Final = 1_000
_TIME: Final = re.compile(r"([0-9]{8})(?:T([0-9]{6})(Z?))?", re.ASCII)
_DURATION: Final = re.compile(
    r"\+?P(?:(?P<weeks>[0-9]{1,4})W)?(?:(?P<days>[0-9]{1,4})D)?"
    r"(?:T(?:(?P<hours>[0-9]{1,6})H)?(?:(?P<minutes>[0-9]{1,6})M)?(?:(?P<seconds>[0-9]{1,6})S)?)?",
    re.ASCII,
)


def find_zone(name: str) -> str | None:
    """The IANA name of a zone: Outlook calls zones by names of Windows, others put the maker's name in front."""
    known = name.strip()
    for candidate in (known, WINDOWS_TO_OLSON.get(known, ""), "/".join(known.split("/")[-2:]), known.split("/")[-1]):
        if candidate in TIMEZONES:
            return candidate
    return None


def zone_of(found: Property, default: str) -> str:
    """The zone that a time is in. Raises EntryError for one that nobody knows."""
    if found.value.strip().endswith(("Z", "z")):
        return "UTC"
    name = found.parameters.get("TZID")
    zone = default if name is None else find_zone(name)
    if zone is None:
        raise EntryError("timezone_unknown", f"The time zone {name!r:.60} is not one of the IANA database.")
    return zone


def is_date(found: Property) -> bool:
    """Whether it is a whole day."""
    return found.parameters.get("VALUE", "").upper() == "DATE" or "T" not in found.value.upper()


def read_times(found: Property, default: str, day_zone: str) -> list[datetime]:
    """The moments of a property, which may hold several; a day begins in ``day_zone``. Raises EntryError."""
    values = found.value.split(",", MAX_TIMES)
    if len(values) > MAX_TIMES:
        raise EntryError("too_many_times", f"{found.name} has more than {MAX_TIMES:,} times.")
    return [_read_time(found, value.strip().upper(), default, day_zone) for value in values]


def read_end(entry: Entry, start: datetime, default: str, day_zone: str, *, all_day: bool) -> datetime:
    """When an event ends (section 3.6.1): as it says, else with its day, else when it starts. Raises EntryError."""
    given, lasting = entry.one("DTEND"), entry.one("DURATION")
    if given is not None:
        return read_times(given, default, day_zone)[0]
    if lasting is None and not all_day:
        return start
    duration = _read_duration(lasting.value) if lasting is not None else timedelta(days=1)
    try:
        return _later(start, duration, ZoneInfo(day_zone), all_day=all_day)
    except OverflowError:
        raise EntryError("time_invalid", "The event would end after the last year there is.") from None


def _later(start: datetime, duration: timedelta, zone: ZoneInfo, *, all_day: bool) -> datetime:
    if not all_day:
        return start + duration
    return moment_of(start.astimezone(zone).date() + timedelta(days=max(1, duration.days)), time(), zone)


def _read_time(found: Property, value: str, default: str, day_zone: str) -> datetime:
    match = _TIME.fullmatch(value)
    try:
        if match is None:
            raise ValueError(value)
        day = date(int(value[:4]), int(value[4:6]), int(value[6:8]))
        if match[2] is None:
            return moment_of(day, time(), ZoneInfo(day_zone))
        hour, minute, second = (int(match[2][place : place + 2]) for place in (0, 2, 4))
        clock = time(hour, minute, min(second, 59))  # a leap second
        if match[3]:
            return datetime.combine(day, clock, UTC)
        return moment_of(day, clock, ZoneInfo(zone_of(found, default)))
    except (ValueError, OverflowError):
        raise EntryError("time_invalid", f"{found.name} is no time: {found.value[:40]!r}") from None


def _read_duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text.strip().upper())
    parts = {name: int(value) for name, value in match.groupdict().items() if value} if match else {}
    if not parts:
        raise EntryError("time_invalid", f"DURATION is none: {text[:40]!r}")
    return timedelta(**parts)
