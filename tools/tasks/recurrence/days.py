"""Which days a recurrence rule means: period by period, the days in it that fit.

Written here because general iterators, asked for a rule that fits no day, search to the year 9999. This one looks at
some 15,000 days at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Any, Final

WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# Periods in which a rule must fit a day, 40 years of them. The rarest, a 29 February on a given weekday, comes round in
# 28, or in 40 across a century's year that has none.
FREQUENCIES: Final = {"DAILY": 40 * 366, "WEEKLY": 40 * 53, "MONTHLY": 40 * 12, "YEARLY": 40}

LENGTHS: Final = {"DAILY": (1, 0), "WEEKLY": (7, 0), "MONTHLY": (0, 1), "YEARLY": (0, 12)}  # of a period: days, months
LAST_YEAR: Final = 9000  # so far before the last of the calendar that no step leaves it

DAY: Final = timedelta(days=1)
Numbers = frozenset[int]
NONE: Final[Numbers] = frozenset()


@dataclass(frozen=True, slots=True)
class Pattern:
    """The days of a rule (RFC 5545 section 3.3.10). Negative numbers count from the end."""

    frequency: str
    interval: int = 1
    week_start: int = 0  # Monday
    weekdays: frozenset[tuple[int, int]] = frozenset()  # which of them in the month or year, 0 for all, and the day
    months: Numbers = NONE
    month_days: Numbers = NONE
    year_days: Numbers = NONE
    week_numbers: Numbers = NONE
    places: Numbers = NONE  # which of a period's days that fit

    def following(self, day: date) -> date | None:
        """The first day after one of the rule's days, from which its periods are counted. None when there is none
        in the next 40 years, or as many periods."""
        for first, last in islice(self._periods(day), FREQUENCIES[self.frequency]):
            fitting = self._fitting(first, last, day)
            if fitting and fitting[-1] > day:
                return next(other for other in fitting if other > day)
        return None

    def _periods(self, day: date) -> Iterator[tuple[date, date]]:
        """First and last day of the period that the day is in, and of every ``interval``-th after it."""
        days, months = LENGTHS[self.frequency]
        if days:
            first = day - DAY * ((day.weekday() - self.week_start) % days)  # a day begins with itself: n % 1 is 0
            while first.year <= LAST_YEAR:
                yield first, first + DAY * (days - 1)
                first += DAY * (days * self.interval)
        else:
            month = day.year * 12 + (day.month - 1) // months * months
            while month // 12 <= LAST_YEAR:
                yield _first_of(month), _first_of(month + months) - DAY
                month += months * self.interval

    def _fitting(self, first: date, last: date, start: date) -> list[date]:
        days = (first + DAY * number for number in range((last - first).days + 1))
        fitting = [day for day in days if self._fits(day, start)]
        if not self.places:
            return fitting
        count = len(fitting)
        return [day for number, day in enumerate(fitting, 1) if _meets(self.places, (number, number - count - 1))]

    def _fits(self, day: date, start: date) -> bool:
        if self.months and day.month not in self.months:
            return False
        if not (self.weekdays or self.month_days or self.year_days):
            return self._fits_like(day, start)
        return (
            _meets(self.month_days, _numbers_in_month(day))
            and _meets(self.year_days, _numbers_in_year(day))
            and (not self.week_numbers or _meets(self.week_numbers, self._week_numbers_of(day)))
            and (not self.weekdays or _meets(self.weekdays, self._names_of(day)))
        )

    def _fits_like(self, day: date, start: date) -> bool:
        """Where the rule names no day, it means the one it began with."""
        if self.week_numbers:
            return day.weekday() == start.weekday() and _meets(self.week_numbers, self._week_numbers_of(day))
        if self.frequency == "WEEKLY":
            return day.weekday() == start.weekday()
        if self.frequency == "YEARLY" and not self.months and day.month != start.month:
            return False
        return self.frequency == "DAILY" or day.day == start.day

    def _names_of(self, day: date) -> tuple[tuple[int, int], ...]:
        """What BYDAY may call a day: Monday, the second Monday, the last but one."""
        weekday = day.weekday()
        in_year = self.frequency == "YEARLY" and not self.months
        forward, backward = _numbers_in_year(day) if in_year else _numbers_in_month(day)
        return (0, weekday), ((forward - 1) // 7 + 1, weekday), (backward // 7, weekday)

    def _week_numbers_of(self, day: date) -> tuple[int, int]:
        """A week is the year's in which it has four days or more, and so the day in its middle."""
        middle = day - DAY * ((day.weekday() - self.week_start) % 7) + DAY * 3
        number, backward = _numbers_in_year(middle)
        return (number - 1) // 7 + 1, backward // 7


def _meets(wanted: frozenset[Any], names: tuple[Any, ...]) -> bool:
    """Whether any of a day's names is wanted; of nothing wanted, every day is."""
    return not wanted or not wanted.isdisjoint(names)


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _numbers_in_month(day: date) -> tuple[int, int]:
    return day.day, day.day - ((_first_of(day.year * 12 + day.month) - DAY).day + 1)


def _numbers_in_year(day: date) -> tuple[int, int]:
    number = day.timetuple().tm_yday
    return number, number - (date(day.year, 12, 31).timetuple().tm_yday + 1)
