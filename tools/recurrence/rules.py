"""Recurrence rules, read and checked. Their dates are worked out in ``dates``.

A rule yields dates; the hour is its record's. So FREQ is at least DAILY, and BYHOUR and smaller parts are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
PARTS: Final = (
    *("FREQ", "INTERVAL", "UNTIL", "COUNT", "BYMONTH", "BYWEEKNO"),
    *("BYYEARDAY", "BYMONTHDAY", "BYDAY", "BYSETPOS", "WKST"),
)
# The parts that section 3.3.10 does not allow with a frequency.
NOT_WITH: Final[Mapping[str, frozenset[str]]] = {
    "DAILY": frozenset({"BYWEEKNO", "BYYEARDAY"}),
    "WEEKLY": frozenset({"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY"}),
    "MONTHLY": frozenset({"BYWEEKNO", "BYYEARDAY"}),
    "YEARLY": frozenset(),
}
MAX_INTERVAL: Final = 1_000
MAX_WEEKS: Final = 53  # of a year; nor has one more of a weekday

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,4}", re.ASCII)
_DAY: Final = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_UNTIL: Final = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?", re.ASCII)


class RuleError(ValueError):
    """A rule that is none, or one that is not served. Its text is for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that was checked. Empty fields are not given."""

    parts: Mapping[str, str]  # as they were written, but for the case
    frequency: str
    interval: int = 1
    count: int | None = None
    until: date | datetime | None = None  # inclusive: a day, a moment in UTC, or a time of the local clock
    months: frozenset[int] = frozenset()
    weeks: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    days: frozenset[tuple[int, int]] = frozenset()  # which one of the month or year, 0 for every; weekday
    positions: frozenset[int] = frozenset()
    week_start: int = 0  # Monday

    @property
    def text(self) -> str:
        """The rule as RFC 5545 writes it."""
        return ";".join(f"{name}={value}" for name, value in self.parts.items())


def parse_rule(text: str, *, max_count: int) -> Rule:
    """Read a rule. Raises RuleError."""
    parts = _split(text.strip().upper().removeprefix("RRULE:"))
    frequency = parts.get("FREQ", "")
    if frequency not in FREQUENCIES:
        raise RuleError(f"FREQ must be one of {', '.join(FREQUENCIES)}.")
    if wrong := sorted(parts.keys() & NOT_WITH[frequency]):
        raise RuleError(f"{wrong[0]} does not go with FREQ={frequency}.")
    if {"UNTIL", "COUNT"} <= parts.keys():
        raise RuleError("UNTIL and COUNT exclude each other.")
    rule = Rule(
        parts,
        frequency,
        interval=_number(parts, "INTERVAL", MAX_INTERVAL) or 1,
        count=_number(parts, "COUNT", max_count),
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        months=_numbers(parts, "BYMONTH", 12, signed=False),
        weeks=_numbers(parts, "BYWEEKNO", MAX_WEEKS),
        year_days=_numbers(parts, "BYYEARDAY", 366),
        month_days=_numbers(parts, "BYMONTHDAY", 31),
        days=_days(parts),
        positions=_numbers(parts, "BYSETPOS", 366),
        week_start=_weekday(parts.get("WKST", "MO")),
    )
    _check_days(rule)
    return rule


def _split(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, separator, value = part.partition("=")
        if not separator or not value or name in parts:
            raise RuleError("A rule is made of parts such as FREQ=WEEKLY;BYDAY=MO, each once.")
        if name not in PARTS:
            raise RuleError(f"{name[:20]} cannot be part of a rule here.")
        parts[name] = value
    return parts


def _number(parts: Mapping[str, str], name: str, most: int) -> int | None:
    if name not in parts:
        return None
    if _NUMBER.fullmatch(parts[name]) is None or not 1 <= int(parts[name]) <= most:
        raise RuleError(f"{name} must be a number from 1 to {most}.")
    return int(parts[name])


def _numbers(parts: Mapping[str, str], name: str, most: int, *, signed: bool = True) -> frozenset[int]:
    values = parts[name].split(",") if name in parts else []
    numbers = [int(value) if _NUMBER.fullmatch(value) else 0 for value in values]
    if any(number == 0 or abs(number) > most or (number < 0 and not signed) for number in numbers):
        raise RuleError(
            f"{name} must be numbers from 1 to {most}{', negative to count from the end' if signed else ''}."
        )
    return frozenset(numbers)


def _days(parts: Mapping[str, str]) -> frozenset[tuple[int, int]]:
    return frozenset(map(_read_day, parts["BYDAY"].split(","))) if "BYDAY" in parts else frozenset()


def _read_day(text: str) -> tuple[int, int]:
    match = _DAY.fullmatch(text)
    if match is None or (match[1] and not 1 <= abs(int(match[1])) <= MAX_WEEKS):
        raise RuleError("BYDAY must be weekdays such as MO, or 1MO and -1FR in a month or year.")
    return int(match[1] or 0), WEEKDAYS.index(match[2])


def _weekday(name: str) -> int:
    if name not in WEEKDAYS:
        raise RuleError("WKST must be a weekday such as MO.")
    return WEEKDAYS.index(name)


def _until(text: str) -> date | datetime:
    try:
        if _UNTIL.fullmatch(text) is None:
            raise ValueError(text)
        if "T" not in text:
            return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
        moment = datetime.strptime(text.rstrip("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 - local, or it gets its zone below
    except ValueError:
        raise RuleError("UNTIL must be a date such as 20261231, or a time such as 20261231T220000Z.") from None
    return moment.replace(tzinfo=UTC) if text.endswith("Z") else moment


def _check_days(rule: Rule) -> None:
    if any(number for number, _ in rule.days) and (rule.frequency in {"DAILY", "WEEKLY"} or rule.weeks):
        raise RuleError("A number before a weekday goes with FREQ=MONTHLY and YEARLY, and not with BYWEEKNO.")
    if rule.positions and not (rule.months or rule.weeks or rule.year_days or rule.month_days or rule.days):
        raise RuleError("BYSETPOS goes with another BY part.")
