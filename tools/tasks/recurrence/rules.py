"""Recurrence rules of tasks: RFC 5545 section 3.3.10, as far as it suits days.

What happens several times a day is no task to be written down each time, so a rule's frequency is DAILY or longer and
it cannot name hours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from tools.tasks.recurrence.days import FREQUENCIES, WEEKDAYS, Pattern

# The parts that section 3.3.10 does not allow with a frequency.
NOT_WITH: Final = {
    "DAILY": {"BYWEEKNO", "BYYEARDAY"},
    "WEEKLY": {"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY"},
    "MONTHLY": {"BYWEEKNO", "BYYEARDAY"},
    "YEARLY": frozenset[str](),
}
MAX_INTERVAL: Final = 1000
MAX_COUNT: Final = 1000

_DAY: Final = re.compile(r"([+-]?[1-9][0-9]?)?(MO|TU|WE|TH|FR|SA|SU)")
_NUMBER: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}")
_COUNT: Final = re.compile(r"[0-9]{1,4}")
_UNTIL: Final = re.compile(r"([0-9]{8})(?:T([0-9]{6})(Z?))?")


@dataclass(frozen=True, slots=True)
class Until:
    """When a rule ends, inclusive: a moment in UTC, or a time or whole day of the local clock."""

    moment: datetime
    is_utc: bool

    def excludes(self, local: datetime, moment: datetime) -> bool:
        """Whether an occurrence, told by the local clock and in UTC, comes too late."""
        return moment > self.moment if self.is_utc else local > self.moment


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that was found to be one."""

    parts: Mapping[str, str]
    pattern: Pattern
    count: int | None
    until: Until | None

    @property
    def text(self) -> str:
        """The rule as RFC 5545 writes it."""
        return ";".join(f"{name}={value}" for name, value in self.parts.items())

    def after_one(self) -> Rule:
        """What is left of the rule once one of its occurrences is over."""
        if self.count is None:
            return self
        return replace(self, parts={**self.parts, "COUNT": str(self.count - 1)}, count=self.count - 1)


def parse_rule(text: str) -> Rule:
    """Read a rule. Raises ValueError, with a sentence for people."""
    parts = _split(text.strip().upper().removeprefix("RRULE:"))
    frequency = parts.get("FREQ", "")
    if frequency not in FREQUENCIES:
        raise ValueError("FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY.")
    wrong = sorted(parts.keys() & NOT_WITH[frequency])
    if wrong:
        raise ValueError(f"{wrong[0]} cannot be used with FREQ={frequency}.")
    if {"COUNT", "UNTIL"} <= parts.keys():
        raise ValueError("A rule has COUNT or UNTIL, not both.")
    given = {READERS[name][0]: READERS[name][1](value) for name, value in parts.items() if name in READERS}
    count, until = given.pop("count", None), given.pop("until", None)
    pattern = Pattern(frequency, **given)
    _check(pattern, parts)
    return Rule(parts, pattern, count, until)


def _split(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for item in text.split(";"):
        name, equals, value = item.partition("=")
        if not equals or not value:
            raise ValueError("A rule is made of parts like FREQ=WEEKLY, separated by semicolons.")
        if name != "FREQ" and name not in READERS:
            raise ValueError(f"{name[:20]} is no part of a rule for days.")
        if name in parts:
            raise ValueError(f"{name} is there twice.")
        parts[name] = value
    return parts


def _check(pattern: Pattern, parts: Mapping[str, str]) -> None:
    numbered = any(number for number, _ in pattern.weekdays)
    if numbered and (pattern.frequency in {"DAILY", "WEEKLY"} or pattern.week_numbers):
        raise ValueError("Only MONTHLY and YEARLY rules without BYWEEKNO can number the days of BYDAY.")
    if pattern.places and not any(name.startswith("BY") for name in parts.keys() - {"BYSETPOS"}):
        raise ValueError("BYSETPOS needs another BY part to choose from.")
    if replace(pattern, interval=1).following(date(2000, 1, 1)) is None:
        raise ValueError("The rule fits no day of any year.")


def _integer(name: str, largest: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if _COUNT.fullmatch(value) is None or not 1 <= int(value) <= largest:
            raise ValueError(f"{name} must be a number from 1 to {largest}.")
        return int(value)

    return read


def _numbers(name: str, largest: int, *, signed: bool = True) -> Callable[[str], frozenset[int]]:
    def read(value: str) -> frozenset[int]:
        items = value.split(",")
        for item in items:
            if _NUMBER.fullmatch(item) is None or abs(int(item)) > largest or (item[0] == "-" and not signed):
                raise ValueError(f"{name} must hold numbers up to {largest}.")
        return frozenset(map(int, items))

    return read


def _read_days(value: str) -> frozenset[tuple[int, int]]:
    days = set()
    for item in value.split(","):
        match = _DAY.fullmatch(item)
        if match is None or abs(int(match[1] or 0)) > 53:
            raise ValueError("BYDAY must hold days such as MO, 1MO or -1FR.")
        days.add((int(match[1] or 0), WEEKDAYS.index(match[2])))
    return frozenset(days)


def _read_week_start(value: str) -> int:
    if value not in WEEKDAYS:
        raise ValueError("WKST must be a day such as MO.")
    return WEEKDAYS.index(value)


def _read_until(value: str) -> Until:
    match = _UNTIL.fullmatch(value)
    try:
        if match is None:
            raise ValueError
        moment = datetime.strptime(match[1] + (match[2] or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - local, or below
    except ValueError:
        raise ValueError("UNTIL must be a day or a time such as 20271231 or 20271231T220000Z.") from None
    return Until(moment.replace(tzinfo=UTC), is_utc=True) if match[3] else Until(moment, is_utc=False)


READERS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "COUNT": ("count", _integer("COUNT", MAX_COUNT)),
    "UNTIL": ("until", _read_until),
    "INTERVAL": ("interval", _integer("INTERVAL", MAX_INTERVAL)),
    "WKST": ("week_start", _read_week_start),
    "BYDAY": ("weekdays", _read_days),
    "BYMONTH": ("months", _numbers("BYMONTH", 12, signed=False)),
    "BYMONTHDAY": ("month_days", _numbers("BYMONTHDAY", 31)),
    "BYYEARDAY": ("year_days", _numbers("BYYEARDAY", 366)),
    "BYWEEKNO": ("week_numbers", _numbers("BYWEEKNO", 53)),
    "BYSETPOS": ("places", _numbers("BYSETPOS", 366)),
}
