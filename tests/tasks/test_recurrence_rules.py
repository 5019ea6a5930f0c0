"""Recurrence rules: which are accepted, which days they mean, and what the clock shows on them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule  # type: ignore[import-untyped] # not the service's own: a calendar library needs it
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tools.tasks.recurrence.days import FREQUENCIES, WEEKDAYS
from tools.tasks.recurrence.rules import NOT_WITH, parse_rule
from tools.tasks.recurrence.series import Times, next_times

ATHENS = ZoneInfo("Europe/Athens")
NAMES = st.sampled_from(WEEKDAYS)


def joined(elements: st.SearchStrategy[object]) -> st.SearchStrategy[str]:
    """A few of them, as a rule lists them."""
    return st.lists(elements, min_size=1, max_size=4, unique=True).map(lambda items: ",".join(map(str, items)))


def signed(largest: int) -> st.SearchStrategy[int]:
    """Numbers from either end."""
    return st.integers(1, largest) | st.integers(-largest, -1)


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Rules of every kind that is allowed."""
    frequency = draw(st.sampled_from(sorted(FREQUENCIES)))
    days = st.builds(lambda number, name: f"{number}{name}", signed(5), NAMES)
    optional = {
        "INTERVAL": st.integers(1, 5),
        "WKST": NAMES,
        "BYMONTH": joined(st.integers(1, 12)),
        "BYMONTHDAY": joined(signed(31)),
        "BYYEARDAY": joined(signed(366)),
        "BYWEEKNO": joined(st.integers(1, 53)),
        "BYDAY": joined(NAMES) if frequency in {"DAILY", "WEEKLY"} else joined(NAMES) | joined(days),
    }
    names = draw(st.lists(st.sampled_from(sorted(optional.keys() - NOT_WITH[frequency])), unique=True, max_size=4))
    parts = {"FREQ": frequency} | {name: str(draw(optional[name])) for name in names}
    if "BYWEEKNO" in parts:  # without a day, the other library takes the whole week
        parts["BYDAY"] = draw(joined(NAMES))
    # Of the week that a weekly series begins in, the other library counts only what is left.
    if frequency != "WEEKLY" and any(name.startswith("BY") for name in names) and draw(st.booleans()):
        parts["BYSETPOS"] = draw(joined(signed(3)))
    return ";".join(f"{name}={value}" for name, value in parts.items())


# Not shrunk: where the two differ, the other one may search for minutes.
@settings(max_examples=100, deadline=None, phases=[Phase.generate])
@given(rules(), st.dates(date(2000, 1, 1), date(2030, 12, 31)))
def test_the_next_day_is_the_one_that_another_library_finds(text: str, start: date) -> None:
    try:
        found = parse_rule(text).pattern.following(start)
    except ValueError:
        return  # it fits no day: the other library would search to the year 9999

    if found is not None:
        begin, end = (datetime.combine(day, datetime.min.time()) for day in (start, found))
        assert rrule.rrulestr(f"{text};UNTIL={end:%Y%m%dT%H%M%S}", dtstart=begin).after(begin) == end


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "FREQ=SECONDLY",
        "FREQ=MINUTELY",
        "FREQ=HOURLY;COUNT=2",
        "FREQ=DAILY;BYHOUR=1,2,3",
        "FREQ=DAILY;BYSECOND=1",
        "FREQ=YEARLY;BYEASTER=1",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;",
        "INTERVAL=2",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;INTERVAL=1001",
        "FREQ=DAILY;INTERVAL=٣",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=99999999999999999999",
        "FREQ=DAILY;COUNT=2;UNTIL=20300101",
        "FREQ=DAILY;UNTIL=20300231",
        "FREQ=DAILY;UNTIL=tomorrow",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=MONTHLY;BYDAY=0MO",
        "FREQ=MONTHLY;BYDAY=XX",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYMONTH=-1",
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO",
        "FREQ=YEARLY;BYSETPOS=1",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYDAY=MO;BYSETPOS=366",
        "DTSTART:20200101T000000Z\nRRULE:FREQ=DAILY",
    ],
)
def test_what_is_no_rule_for_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"[.]$"):
        parse_rule(text)


def test_a_rule_is_kept_as_the_standard_writes_it() -> None:
    assert parse_rule(" rrule:freq=weekly;byday=mo,we ").text == "FREQ=WEEKLY;BYDAY=MO,WE"


def chain(text: str, times: Times, zone: ZoneInfo, length: int) -> list[Times]:
    """The tasks of a series, each completed when it is due."""
    found, rule, earlier = [times], parse_rule(text), None
    while len(found) < length:
        following = next_times(rule, found[-1], zone, completed_at=datetime(2031, 5, 5, tzinfo=UTC), earlier=earlier)
        if following is None:
            break
        earlier, rule = found[-1], rule.after_one()
        found.append(following)
    return found


def clock(text: str, due_at: datetime, length: int = 4) -> list[str]:
    """What the clock in Athens shows when each task of a series is due."""
    series = chain(text, Times(None, due_at), ATHENS, length)
    return [f"{times.due_at.astimezone(ATHENS):%d %b %H:%M}" for times in series if times.due_at]


@pytest.mark.parametrize(
    ("first", "shown"),
    [
        # Summer time begins on 28 March 2027 at 03:00 and ends on 31 October 2027 at 04:00.
        (datetime(2027, 3, 26, 9, tzinfo=ATHENS), ["26 Mar 09:00", "27 Mar 09:00", "28 Mar 09:00", "29 Mar 09:00"]),
        (datetime(2027, 10, 29, 9, tzinfo=ATHENS), ["29 Oct 09:00", "30 Oct 09:00", "31 Oct 09:00", "01 Nov 09:00"]),
        # 03:30 does not exist on the 28th (RFC 5545 section 3.3.5), and the day after it does again.
        (datetime(2027, 3, 26, 3, 30, tzinfo=ATHENS), ["26 Mar 03:30", "27 Mar 03:30", "28 Mar 04:30", "29 Mar 03:30"]),
        (
            datetime(2027, 10, 29, 3, 30, tzinfo=ATHENS),
            ["29 Oct 03:30", "30 Oct 03:30", "31 Oct 03:30", "01 Nov 03:30"],
        ),
    ],
)
def test_the_hour_survives_a_change_of_the_clocks(first: datetime, shown: list[str]) -> None:
    assert clock("FREQ=DAILY", first.astimezone(UTC)) == shown


def test_a_series_ends_when_its_rule_does() -> None:
    first = datetime(2027, 3, 26, 9, tzinfo=ATHENS).astimezone(UTC)

    assert len(clock("FREQ=DAILY;COUNT=3", first, 9)) == 3
    assert clock("FREQ=DAILY;UNTIL=20270328", first, 9)[-1] == "28 Mar 09:00"  # the whole day
    assert clock("FREQ=DAILY;UNTIL=20270328T060000Z", first, 9)[-1] == "28 Mar 09:00"  # nine o'clock, exactly
    assert clock("FREQ=DAILY;UNTIL=20270328T055959Z", first, 9)[-1] == "27 Mar 09:00"


moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU,SA", "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=DAILY;INTERVAL=9"]),
    moments,
    st.timedeltas(timedelta(), timedelta(days=40)),
    st.sampled_from(["Europe/Athens", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
)
def test_a_series_goes_forward_and_never_begins_after_it_is_due(
    text: str, due_at: datetime, length: timedelta, zone_name: str
) -> None:
    zone = ZoneInfo(zone_name)

    series = chain(text, Times(due_at - length, due_at), zone, 6)

    assert len(series) == 6
    for before, after in zip(series, islice(series, 1, None), strict=False):
        assert before.due_at
        assert after.due_at
        assert after.start_at
        assert before.due_at < after.due_at
        assert after.start_at <= after.due_at


def test_a_task_without_times_counts_from_its_completion() -> None:
    done = datetime(2027, 3, 27, 8, tzinfo=UTC)

    following = next_times(parse_rule("FREQ=WEEKLY"), Times(None, None), ATHENS, completed_at=done)

    assert following == Times(None, datetime(2027, 4, 3, 7, tzinfo=UTC))  # ten o'clock in Athens, in summer too


@pytest.mark.promise("S7")
def test_no_rule_is_searched_for_long() -> None:
    """Counted in days that are looked at, which the slowest of them all may do in any time."""
    pattern = parse_rule("FREQ=DAILY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO").pattern

    assert pattern.following(date(2026, 1, 1)) is None
    assert pattern.following(date(8999, 12, 31)) is None
