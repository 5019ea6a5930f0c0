"""Recurrence rules: held against dateutil, which works them out in another way; refused, or done with bounded work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped] # ships no type information
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.events import rule_dates
from tools.events.rule_dates import MAX_DAYS_TRIED, Effort, dates_within, last_date
from tools.events.rules import WEEKDAYS, RuleError, parse_rule

UTC_ZONE = ZoneInfo("UTC")
NAMES = st.sets(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1)
WHICH = st.sets(st.sampled_from(["1MO", "-1FR", "2TU", "5WE", "-2SU"]), min_size=1)


def numbers(*choices: int) -> st.SearchStrategy[set[int]]:
    return st.sets(st.sampled_from(choices), min_size=1, max_size=4)


@st.composite
def rule_texts(draw: Callable[[Any], Any]) -> str:
    """Rules as RFC 5545 allows them, but for what dateutil reads otherwise: BYWEEKNO without BYDAY, weekdays with and
    without numbers side by side, and positions in a first week, which it lets begin with the start."""
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    yearly = frequency == "YEARLY"
    parts: dict[str, Any] = {"BYMONTH": numbers(*range(1, 13))}
    if frequency != "WEEKLY":
        parts["BYMONTHDAY"] = numbers(*range(1, 32), -1, -2, -31)
    if yearly:
        parts["BYYEARDAY"] = numbers(1, 60, 100, 366, -1, -366, 200)
    parts["BYDAY"] = st.one_of(NAMES, WHICH) if frequency in {"MONTHLY", "YEARLY"} else NAMES
    chosen = {name: draw(parts[name]) for name in draw(st.sets(st.sampled_from(sorted(parts)), max_size=3))}
    if yearly and draw(st.booleans()):
        chosen |= {"BYWEEKNO": draw(numbers(1, 2, 20, 52, 53, -1)), "BYDAY": draw(NAMES)}
    elif draw(st.booleans()):
        chosen["WKST"] = {draw(st.sampled_from(sorted(WEEKDAYS)))}
    if chosen.keys() - {"WKST"} and frequency != "WEEKLY" and draw(st.booleans()):
        chosen["BYSETPOS"] = draw(numbers(1, 2, 3, -1, -2))
    interval = draw(st.integers(1, 5))
    return f"FREQ={frequency};INTERVAL={interval}" + "".join(
        f";{name}={','.join(sorted(map(str, values)))}" for name, values in chosen.items()
    )


@settings(max_examples=150, deadline=None)
@given(text=rule_texts(), day=st.integers(0, 800), ahead=st.integers(-50, 900))
def test_a_rule_means_what_it_means_elsewhere(text: str, day: int, ahead: int) -> None:
    """Also when the work begins in the middle of it."""
    start = date(2024, 1, 1) + timedelta(days=day)
    low, high = start + timedelta(days=ahead), start + timedelta(days=ahead + 500)
    rule, _ = parse_rule(text, UTC_ZONE)

    found = list(dates_within(rule, start, low, high))

    if not found:
        return  # dateutil would look for the next one until the year 9999
    ended = f"{text};UNTIL={found[-1]:%Y%m%d}T000000"
    expected = [one.date() for one in rrulestr(ended, dtstart=datetime.combine(start, time.min))]
    assert found == [one for one in expected if one >= low]
    assert next(dates_within(rule, start, found[0], high)) == found[0]


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    "text",
    [
        *("FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=HOURLY", "FREQ=FORTNIGHTLY", "", "INTERVAL=2", "FREQ=", "FREQ"),
        *("FREQ=DAILY;BYHOUR=9", "FREQ=DAILY;BYSECOND=1", "FREQ=DAILY;X=1", "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;;"),
        *("FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=5001", "FREQ=DAILY;COUNT=1e3", "FREQ=DAILY;COUNT=٣"),
        *("FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=1001", "FREQ=DAILY;INTERVAL=-1"),
        *("FREQ=DAILY;COUNT=2;UNTIL=20270101", "FREQ=DAILY;UNTIL=20270230", "FREQ=DAILY;UNTIL=99991231T235959Z"),
        *("FREQ=DAILY;UNTIL=2027", "FREQ=DAILY;UNTIL=00010101", "FREQ=DAILY;BYMONTH=13", "FREQ=DAILY;BYMONTH=-1"),
        *("FREQ=WEEKLY;BYDAY=1MO", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;BYMONTHDAY=1", "FREQ=MONTHLY;BYYEARDAY=1"),
        *("FREQ=MONTHLY;BYDAY=0MO", "FREQ=MONTHLY;BYWEEKNO=1", "FREQ=YEARLY;BYWEEKNO=1;WKST=SU", "FREQ=DAILY;WKST=1"),
        *("FREQ=MONTHLY;BYSETPOS=1", "FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=DAILY\nX=1"),
    ],
)
def test_what_is_no_rule_or_one_without_end_is_refused(text: str) -> None:
    with pytest.raises(RuleError):
        parse_rule(text, UTC_ZONE)


def test_a_rule_is_kept_in_one_spelling() -> None:
    athens = ZoneInfo("Europe/Athens")
    spellings = {
        "RRULE:byday=tu;freq=weekly": "FREQ=WEEKLY;BYDAY=TU",
        "FREQ=DAILY;UNTIL=20261231;": "FREQ=DAILY;UNTIL=20261231",
        "FREQ=DAILY;UNTIL=20261231T220000Z": "FREQ=DAILY;UNTIL=20261231T220000Z",
        "FREQ=DAILY;UNTIL=20261231T220000": "FREQ=DAILY;UNTIL=20261231T200000Z",
    }
    assert {text: parse_rule(text, athens)[1] for text in spellings} == spellings


class Days:
    """Counts the days that are looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tried = 0
        original = rule_dates._each_day

        def counted(begin: date, end: date) -> Any:
            self.tried += (end - begin).days
            return original(begin, end)

        monkeypatch.setattr(rule_dates, "_each_day", counted)


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
    rule, _ = parse_rule(text, UTC_ZONE)
    days = Days(monkeypatch)

    list(dates_within(rule, date(1900, 1, 1), date(2026, 1, 1), date(2026, 12, 31)))

    assert days.tried <= 2 * 366


@pytest.mark.promise("S7")
def test_the_last_of_a_count_is_looked_for_once_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    days = Days(monkeypatch)
    daily, _ = parse_rule("FREQ=DAILY;COUNT=5000", UTC_ZONE)
    sparse, _ = parse_rule("FREQ=DAILY;COUNT=5000;BYMONTH=2;BYMONTHDAY=29", UTC_ZONE)

    assert last_date(daily, date(2024, 1, 1), Effort()) == date(2024, 1, 1) + timedelta(days=4999)
    with pytest.raises(RuleError):
        last_date(sparse, date(1904, 2, 29), Effort())
    assert days.tried <= 5_000 + MAX_DAYS_TRIED
