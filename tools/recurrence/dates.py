"""The dates of a recurrence rule, period by period, within bounded work.

Libraries walk through every day from the start on, until the year 9999 for a rule that has no date. Here the work
begins in the period that is asked for, and every day that is tried is counted.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import islice
from typing import Any, Final

from tools.recurrence.rules import Rule, RuleError

MAX_DAYS_TRIED: Final = 10_000  # 25 ms; a daily rule has as many in 27 years, one of a month of the year in 300
# A 29 February on a given weekday comes round in 28 years, or in 40 across a century's year that has none.
RAREST_YEARS: Final = 40
LAST_YEAR: Final = 9000  # so far before the last of the calendar that no step leaves it


@dataclass(slots=True)
class Effort:
    """How many days may still be tried: by one rule, or by all that are worked out for one request."""

    days: int = MAX_DAYS_TRIED

    def spend(self, days: int) -> None:
        """Raises RuleError when there are none left."""
        self.days -= days
        if self.days < 0:
            raise RuleError("It takes too long to work the rule out: it has too few dates.")


def last_date(rule: Rule, start: date, last: date, effort: Effort) -> date:
    """The date of the last of COUNT occurrences that are not after ``last``. Raises RuleError if it takes too long."""
    assert rule.count is not None
    return max(islice(dates_within(rule, start, start, last, effort), rule.count), default=start)


def next_date(rule: Rule, day: date) -> date | None:
    """The rule's first date after a day that it begins on, whatever UNTIL and COUNT say. None when there is none in the
    next 40 years, or in as many periods of years."""
    last = date(min(day.year + RAREST_YEARS * rule.interval, LAST_YEAR), 12, 31)
    effort = Effort((RAREST_YEARS + 2) * 366)  # it suffices: of ``interval`` periods, one is tried
    return next(dates_within(rule, day, day + timedelta(days=1), last, effort), None)


def dates_within(rule: Rule, start: date, first: date, last: date, effort: Effort | None = None) -> Iterator[date]:
    """The rule's dates between two days, if it begins on ``start``, whatever UNTIL and COUNT say.

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


def _complete(rule: Rule, start: date) -> Rule:
    """The rule with what the start says where the parts say nothing."""
    chosen = rule.year_days or rule.month_days or rule.days
    changes: dict[str, Any] = {}
    if (rule.frequency == "WEEKLY" and not rule.days) or (rule.weeks and not chosen):
        changes["days"] = frozenset({(0, start.weekday())})
    elif rule.frequency in {"MONTHLY", "YEARLY"} and not (chosen or rule.weeks):
        changes["month_days"] = frozenset({start.day})
        if rule.frequency == "YEARLY" and not rule.months:
            changes["months"] = frozenset({start.month})
    return replace(rule, **changes)


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
            and (not rule.weeks or _either(*_week_of(day, rule.week_start), rule.weeks))
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


def _week_of(day: date, week_start: int) -> tuple[int, int]:
    """The number of a day's week, and how many weeks its year has. A week is the year's in which it has four days or
    more, and so the day in its middle."""
    middle = day + timedelta(days=3 - (day.weekday() - week_start) % 7)
    number = (_year_day(middle) - 1) // 7 + 1
    return number, number + (_year_length(middle) - _year_day(middle)) // 7


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


def _at_positions(positions: frozenset[int], days: list[date]) -> list[date]:
    """The first, the last … of a period's days."""
    count = len(days)
    return sorted({days[p - 1 if p > 0 else count + p] for p in positions if abs(p) <= count})
