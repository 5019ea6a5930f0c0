"""Recurrence rules (RFC 5545 section 3.3.10), read and checked. Their dates are worked out in ``rule_dates``.

A rule yields dates; the hour is its event's. So FREQ is at least DAILY, and BYHOUR and smaller parts are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
WEEKDAYS: Final = {name: number for number, name in enumerate(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))}
PARTS: Final = (
    *("FREQ", "INTERVAL", "UNTIL", "COUNT", "BYMONTH", "BYWEEKNO"),
    *("BYYEARDAY", "BYMONTHDAY", "BYDAY", "BYSETPOS", "WKST"),
)
FIRST_YEAR, LAST_YEAR = 1900, 2199
MAX_COUNT: Final = 5_000
MAX_INTERVAL: Final = 1_000

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,4}", re.ASCII)
_DAY: Final = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_UNTIL: Final = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?", re.ASCII)


class RuleError(ValueError):
    """A rule that is none, or one that is not served. Its text is for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that was checked. Empty parts are not given. ``until`` is the last day, or the last moment."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: date | datetime | None = None
    months: frozenset[int] = frozenset()
    weeks: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    days: frozenset[tuple[int, int]] = frozenset()  # which one of the month or year, 0 for every; weekday
    positions: tuple[int, ...] = ()
    week_start: int = 0


def parse_rule(text: str, zone: ZoneInfo) -> tuple[Rule, str]:
    """A rule and its canonical text. An UNTIL without ``Z`` is a time of ``zone``. Raises RuleError."""
    parts = _split(text.upper().removeprefix("RRULE:"))
    frequency = parts.get("FREQ", "")
    if frequency not in FREQUENCIES:
        raise RuleError(f"FREQ must be one of {', '.join(FREQUENCIES)}.")
    if "UNTIL" in parts and "COUNT" in parts:
        raise RuleError("UNTIL and COUNT exclude each other.")
    until = _until(parts["UNTIL"], zone) if "UNTIL" in parts else None
    rule = Rule(
        frequency,
        interval=_number(parts, "INTERVAL", 1, MAX_INTERVAL) or 1,
        count=_number(parts, "COUNT", 1, MAX_COUNT),
        until=until,
        months=_numbers(parts, "BYMONTH", 12, signed=False),
        weeks=_numbers(parts, "BYWEEKNO", 53),
        year_days=_numbers(parts, "BYYEARDAY", 366),
        month_days=_numbers(parts, "BYMONTHDAY", 31),
        days=_days(parts),
        positions=tuple(sorted(_numbers(parts, "BYSETPOS", 366))),
        week_start=_weekday(parts.get("WKST", "MO")),
    )
    _check_parts(rule)
    if until is not None:
        parts["UNTIL"] = f"{until:%Y%m%dT%H%M%SZ}" if isinstance(until, datetime) else f"{until:%Y%m%d}"
    return rule, ";".join(f"{name}={parts[name]}" for name in PARTS if name in parts)


def _split(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.removesuffix(";").split(";"):
        name, separator, value = part.partition("=")
        if not separator or not value or name in parts:
            raise RuleError("A rule is made of parts such as FREQ=WEEKLY;BYDAY=MO, each once.")
        if name not in PARTS:
            raise RuleError(f"{name[:20]} cannot be part of a rule here.")
        parts[name] = value
    return parts


def _number(parts: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    if name not in parts:
        return None
    if _NUMBER.fullmatch(parts[name]) is None or not least <= int(parts[name]) <= most:
        raise RuleError(f"{name} must be a number from {least} to {most}.")
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
    found = [_DAY.fullmatch(value) for value in parts["BYDAY"].split(",")] if "BYDAY" in parts else []
    days = [(int(match[1] or 0), WEEKDAYS[match[2]]) for match in found if match is not None]
    if len(days) < len(found) or any(match and match[1] and int(match[1]) == 0 for match in found):
        raise RuleError("BYDAY must be weekdays such as MO, or 1MO and -1FR in a month or year.")
    return frozenset(days)


def _weekday(name: str) -> int:
    if name not in WEEKDAYS:
        raise RuleError("WKST must be a weekday such as MO.")
    return WEEKDAYS[name]


def _until(text: str, zone: ZoneInfo) -> date | datetime:
    """A date includes its whole day."""
    try:
        if _UNTIL.fullmatch(text) is None:
            raise ValueError(text)
        if "T" not in text:
            found: date = datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
        else:
            moment = datetime.strptime(text.rstrip("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 - it gets its zone below
            found = moment.replace(tzinfo=UTC if text.endswith("Z") else zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RuleError("UNTIL must be a date such as 20261231, or a time such as 20261231T220000Z.") from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise RuleError(f"UNTIL must be in the years {FIRST_YEAR} to {LAST_YEAR}.")
    return found


def _check_parts(rule: Rule) -> None:
    """Which part goes with which frequency: the table of RFC 5545 section 3.3.10."""
    yearly, weekly = rule.frequency == "YEARLY", rule.frequency == "WEEKLY"
    if rule.weeks and (not yearly or rule.week_start):
        raise RuleError("BYWEEKNO goes with FREQ=YEARLY and weeks that begin on Monday.")
    if rule.year_days and not yearly:
        raise RuleError("BYYEARDAY goes with FREQ=YEARLY.")
    if rule.month_days and weekly:
        raise RuleError("BYMONTHDAY does not go with FREQ=WEEKLY.")
    if any(number for number, _ in rule.days) and (rule.frequency in {"DAILY", "WEEKLY"} or rule.weeks):
        raise RuleError("A number before a weekday goes with FREQ=MONTHLY and YEARLY, and not with BYWEEKNO.")
    if rule.positions and not (rule.months or rule.weeks or rule.year_days or rule.month_days or rule.days):
        raise RuleError("BYSETPOS goes with another BY part.")
