"""Recurrence rules: held against dateutil, which works them out in another way; refused, or done with bounded work."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped] # ships no type information
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tools.recurrence import dates
from tools.recurrence.dates import MAX_DAYS_TRIED, Effort, dates_within, last_date, next_date
from tools.recurrence.rules import FREQUENCIES, NOT_WITH, WEEKDAYS, Rule, RuleError, parse_rule

NAMES = st.sampled_from(WEEKDAYS)


def read(text: str) -> Rule:
    """As somebody does who allows the largest COUNT of all."""
    return parse_rule(text, max_count=5_000)


def joined(elements: st.SearchStrategy[object]) -> st.SearchStrategy[str]:
    """A few of them, as a rule lists them."""
    return st.lists(elements, min_size=1, max_size=4, unique=True).map(lambda items: ",".join(map(str, items)))


def signed(largest: int) -> st.SearchStrategy[int]:
    """Numbers from either end."""
    return st.integers(1, largest) | st.integers(-largest, -1)


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Rules of every kind that is allowed, but for what dateutil reads otherwise."""
    frequency = draw(st.sampled_from(FREQUENCIES))
    days = st.builds(lambda number, name: f"{number}{name}", signed(5), NAMES)
    optional = {
        "INTERVAL": st.integers(1, 5),
        "WKST": NAMES,
        "BYMONTH": joined(st.integers(1, 12)),
        "BYMONTHDAY": joined(signed(31)),
        "BYYEARDAY": joined(signed(366)),
        "BYWEEKNO": joined(st.integers(1, 53) | st.just(-1)),
        "BYDAY": joined(NAMES) if frequency in {"DAILY", "WEEKLY"} else joined(NAMES) | joined(days),
    }
    names = draw(st.lists(st.sampled_from(sorted(optional.keys() - NOT_WITH[frequency])), unique=True, max_size=4))
    parts = {"FREQ": frequency} | {name: str(draw(optional[name])) for name in names}
    if "BYWEEKNO" in parts:  # without a day, dateutil takes the whole week
        parts["BYDAY"] = draw(joined(NAMES))
    # Of the week that a weekly series begins in, dateutil counts only what is left.
    if frequency != "WEEKLY" and any(name.startswith("BY") for name in names) and draw(st.booleans()):
        parts["BYSETPOS"] = draw(joined(signed(3)))
    return ";".join(f"{name}={value}" for name, value in parts.items())


# Not shrunk: where the two differ, dateutil may search for minutes.
@settings(max_examples=150, deadline=None, phases=[Phase.generate])
@given(text=rules(), day=st.integers(0, 800), ahead=st.integers(-50, 900))
def test_a_rule_means_what_it_means_elsewhere(text: str, day: int, ahead: int) -> None:
    """Also when the work begins in the middle of it."""
    start = date(2024, 1, 1) + timedelta(days=day)
    low, high = start + timedelta(days=ahead), start + timedelta(days=ahead + 500)
    rule = read(text)

    found = list(dates_within(rule, start, low, high))

    if not found:
        return  # dateutil would look for the next one until the year 9999
    ended = f"{text};UNTIL={found[-1]:%Y%m%d}T000000"
    expected = [one.date() for one in rrulestr(ended, dtstart=datetime.combine(start, time.min))]
    assert found == [one for one in expected if one >= low]
    assert next(dates_within(rule, start, found[0], high)) == found[0]


@settings(max_examples=100, deadline=None, phases=[Phase.generate])
@given(text=rules(), start=st.dates(date(2000, 1, 1), date(2030, 12, 31)))
def test_the_next_date_is_the_one_that_another_library_finds(text: str, start: date) -> None:
    found = next_date(read(text), start)

    if found is not None:
        begin, end = (datetime.combine(day, time.min) for day in (start, found))
        assert rrulestr(f"{text};UNTIL={end:%Y%m%dT%H%M%S}", dtstart=begin).after(begin) == end


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    "text",
    [
        *("FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=HOURLY", "FREQ=FORTNIGHTLY", "", "INTERVAL=2", "FREQ=", "FREQ"),
        *("FREQ=HOURLY;COUNT=2", "FREQ=DAILY;BYHOUR=9", "FREQ=DAILY;BYHOUR=1,2,3", "FREQ=DAILY;BYSECOND=1"),
        *("FREQ=YEARLY;BYEASTER=1", "FREQ=DAILY;X=1", "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;", "FREQ=DAILY;;"),
        *("FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=5001", "FREQ=DAILY;COUNT=1e3", "FREQ=DAILY;COUNT=٣"),
        *("FREQ=DAILY;COUNT=99999999999999999999", "FREQ=DAILY;INTERVAL=٣"),
        *("FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=1001", "FREQ=DAILY;INTERVAL=-1"),
        *("FREQ=DAILY;COUNT=2;UNTIL=20270101", "FREQ=DAILY;UNTIL=20270230", "FREQ=DAILY;UNTIL=tomorrow"),
        *("FREQ=DAILY;UNTIL=2027", "FREQ=DAILY;BYMONTH=13", "FREQ=DAILY;BYMONTH=-1"),
        *("FREQ=WEEKLY;BYDAY=1MO", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;BYMONTHDAY=1", "FREQ=MONTHLY;BYYEARDAY=1"),
        *("FREQ=MONTHLY;BYDAY=0MO", "FREQ=YEARLY;BYDAY=54MO", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO"),
        *("FREQ=MONTHLY;BYWEEKNO=1", "FREQ=DAILY;WKST=1", "FREQ=MONTHLY;BYSETPOS=1", "FREQ=YEARLY;BYSETPOS=1"),
        *("FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=MONTHLY;BYMONTH=-1"),
        *("FREQ=DAILY\nX=1", "DTSTART:20200101T000000Z\nRRULE:FREQ=DAILY"),
    ],
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(RuleError, match=r"[.]$"):
        read(text)


class Days:
    """Counts the days that are looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tried = 0
        original = dates._each_day

        def counted(begin: date, end: date) -> Any:
            self.tried += (end - begin).days
            return original(begin, end)

        monkeypatch.setattr(dates, "_each_day", counted)


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;BYMONTH=2;BYDAY=MO",
        "FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=MO;BYMONTH=2",
        "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1",
        "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYMONTH=6",
        "FREQ=YEARLY;BYDAY=53MO;BYSETPOS=366",
        "FREQ=YEARLY;INTERVAL=1000;BYMONTHDAY=31",
    ],
)
def test_a_window_costs_its_own_length_wherever_the_rule_begins(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for a rule without any date, which dateutil looks for until the year 9999."""
    rule = read(text)
    days = Days(monkeypatch)

    list(dates_within(rule, date(1900, 1, 1), date(2026, 1, 1), date(2026, 12, 31)))

    assert days.tried <= 2 * 366


@pytest.mark.promise("S7")
def test_the_last_of_a_count_is_looked_for_once_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    days = Days(monkeypatch)
    daily, sparse = read("FREQ=DAILY;COUNT=5000"), read("FREQ=DAILY;COUNT=5000;BYMONTH=2;BYMONTHDAY=29")
    last = date(2199, 12, 31)

    assert last_date(daily, date(2024, 1, 1), last, Effort()) == date(2024, 1, 1) + timedelta(days=4999)
    with pytest.raises(RuleError):
        last_date(sparse, date(1904, 2, 29), last, Effort())
    assert days.tried <= 5_000 + MAX_DAYS_TRIED


@pytest.mark.promise("S7")
@pytest.mark.parametrize("day", [date(2026, 1, 1), date(8999, 12, 31)])
@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;BYMONTH=2;BYDAY=MO;BYSETPOS=7",
        "FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=MO;BYMONTH=2",
        "FREQ=YEARLY;INTERVAL=1000;BYYEARDAY=366;BYMONTH=1",
    ],
)
def test_no_next_date_is_searched_for_long(text: str, day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    days = Days(monkeypatch)

    assert next_date(read(text), day) is None
    assert days.tried <= 15_100


def test_the_rarest_of_days_is_found_across_a_century() -> None:
    rule = read("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO")

    assert next_date(rule, date(2088, 3, 1)) == date(2112, 2, 29)
