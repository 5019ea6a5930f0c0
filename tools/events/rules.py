"""Recurrence rules (RFC 5545 section 3.3.10): read, checked, and worked out within bounded work.

A rule yields dates; the hour is its event's. So FREQ is at least DAILY, and BYHOUR and smaller parts are refused.
"""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
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
MAX_DAYS_TRIED: Final = 20_000  # some 15 ms; a daily rule has as many in 55 years, a yearly one in 600

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,4}", re.ASCII)
_DAY: Final = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_UNTIL: Final = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?", re.ASCII)


class RuleError(ValueError):
    """A rule that is none, or one that is not served. Its text is for whoever wrote it."""


@dataclass(slots=True)
class Effort:
    """How many days may still be tried: by one rule, or by all that are worked out for one request."""

    days: int = MAX_DAYS_TRIED

    def spend(self, days: int) -> None:
        """Raises RuleError when there are none left."""
        self.days -= days
        if self.days < 0:
            raise RuleError("It takes too long to work the rule out: it has too few dates.")


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


def last_date(rule: Rule, start: date, effort: Effort) -> date:
    """The date of the last of COUNT occurrences. Raises RuleError if that takes too long."""
    assert rule.count is not None
    dates = dates_within(rule, start, start, date(LAST_YEAR, 12, 31), effort)
    return max(islice(dates, rule.count), default=start)


def dates_within(rule: Rule, start: date, first: date, last: date, effort: Effort | None = None) -> Iterator[date]:
    """The rule's dates for an event that starts on ``start``, between two days, whatever UNTIL and COUNT say.

    Begins with the period that ``first`` is in, so it costs what the window is long, not what lies before it. Raises
    RuleError when ``effort`` is used up.
    """
    effort = effort or Effort()
    rule = _complete(rule, start)
    matches = _matcher(rule)
    low, high = max(first, start), min(last, date(LAST_YEAR, 12, 31))
    for begin, end in _periods(rule, start, low, high):
        effort.spend((end - begin).days)
        found = [day for day in _each_day(begin, end) if matches(day)]
        if rule.positions:
            found = _at_positions(rule.positions, found)
        for day in found:
            if low <= day <= high:
                yield day


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


def _complete(rule: Rule, start: date) -> Rule:
    """The rule with what the start says where the parts say nothing."""
    chosen = rule.year_days or rule.month_days or rule.days
    changes: dict[str, object] = {}
    if (rule.frequency == "WEEKLY" and not rule.days) or (rule.weeks and not chosen):
        changes["days"] = frozenset({(0, start.weekday())})
    elif rule.frequency in {"MONTHLY", "YEARLY"} and not (chosen or rule.weeks):
        changes["month_days"] = frozenset({start.day})
        if rule.frequency == "YEARLY" and not rule.months:
            changes["months"] = frozenset({start.month})
    return _replaced(rule, changes)


def _replaced(rule: Rule, changes: Mapping[str, object]) -> Rule:
    values = {name: getattr(rule, name) for name in Rule.__slots__}
    return Rule(**(values | dict(changes)))


def _matcher(rule: Rule) -> Callable[[date], bool]:
    """Whether a day of a period is one of the rule's. An ordinal counts within the month, in a yearly rule without
    BYMONTH within the year."""
    in_month = rule.frequency == "MONTHLY" or bool(rule.months)
    weekdays = {weekday for number, weekday in rule.days if number == 0}
    ordinals = {(number, weekday) for number, weekday in rule.days if number}

    def is_day(day: date) -> bool:
        weekday = day.weekday()
        if weekday in weekdays:
            return True
        place, length = (day.day, _month_length(day)) if in_month else (_year_day(day), _year_length(day))
        number, number_from_end = (place - 1) // 7 + 1, -((length - place) // 7 + 1)
        return (number, weekday) in ordinals or (number_from_end, weekday) in ordinals

    def matches(day: date) -> bool:
        return (
            (not rule.months or day.month in rule.months)
            and (not rule.month_days or _either(day.day, _month_length(day), rule.month_days))
            and (not rule.year_days or _either(_year_day(day), _year_length(day), rule.year_days))
            and (not rule.weeks or _either(day.isocalendar().week, _weeks_of(day), rule.weeks))
            and (not rule.days or is_day(day))
        )

    return matches


def _either(place: int, length: int, wanted: frozenset[int]) -> bool:
    """Counted from the beginning, or from the end."""
    return place in wanted or place - length - 1 in wanted


def _month_length(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def _year_length(day: date) -> int:
    return 366 if isleap(day.year) else 365


def _year_day(day: date) -> int:
    return day.timetuple().tm_yday


def _weeks_of(day: date) -> int:
    """How many weeks the week's year has (ISO 8601): the 28th of December is always in its last one."""
    return date(day.isocalendar().year, 12, 28).isocalendar().week


def _periods(rule: Rule, start: date, low: date, high: date) -> Iterator[tuple[date, date]]:
    """The rule's days, weeks, months or years between ``low`` and ``high``, each as its first day and the day after."""
    if rule.frequency in {"DAILY", "WEEKLY"}:
        length = 1 if rule.frequency == "DAILY" else 7
        step = timedelta(days=length * rule.interval)
        origin = start - timedelta(days=(start.weekday() - rule.week_start) % 7 if length == 7 else 0)
        begin = origin + step * max(0, (low - origin) // step)
        while begin <= high:
            yield begin, begin + timedelta(days=length)
            begin += step
        return
    months = 12 if rule.frequency == "YEARLY" else 1
    step_months = months * rule.interval
    origin_month = (start.year * 12 + start.month - 1) // months * months
    month = origin_month + max(0, (low.year * 12 + low.month - 1 - origin_month) // step_months) * step_months
    while month <= high.year * 12 + high.month - 1:
        yield from _parts_of(rule, month, months)
        month += step_months


def _parts_of(rule: Rule, month: int, months: int) -> Iterator[tuple[date, date]]:
    """A month or year as a period; of a year that only some months can be of, only these, unless positions count."""
    if rule.months and not rule.positions:
        for number in range(month, month + months):
            if number % 12 + 1 in rule.months:
                yield _first_of(number), _first_of(number + 1)
        return
    yield _first_of(month), _first_of(month + months)


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _each_day(begin: date, end: date) -> Iterator[date]:
    for number in range(begin.toordinal(), end.toordinal()):
        yield date.fromordinal(number)


def _at_positions(positions: tuple[int, ...], days: list[date]) -> list[date]:
    """The first, the last … of a period's days."""
    count = len(days)
    return sorted({days[p - 1 if p > 0 else count + p] for p in positions if abs(p) <= count})
