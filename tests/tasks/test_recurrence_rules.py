"""Recurrence rules of tasks: which are accepted, and what the clock shows on their days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.tasks.recurrence.rules import after_one, read_rule
from tools.tasks.recurrence.series import Times, next_times

ATHENS = ZoneInfo("Europe/Athens")


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    "text",
    [
        "FREQ=HOURLY",
        "FREQ=DAILY;",
        "FREQ=DAILY;COUNT=1001",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYDAY=MO;BYSETPOS=366",
        "DTSTART:20200101T000000Z\nRRULE:FREQ=DAILY",
    ],
)
def test_what_is_no_rule_for_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"[.]$"):
        read_rule(text)


def test_a_rule_is_kept_as_the_standard_writes_it() -> None:
    assert read_rule(" rrule:freq=weekly;byday=mo,we ").text == "FREQ=WEEKLY;BYDAY=MO,WE"


def chain(text: str, times: Times, zone: ZoneInfo, length: int) -> list[Times]:
    """The tasks of a series, each completed when it is due."""
    found, rule, earlier = [times], read_rule(text), None
    while len(found) < length:
        following = next_times(rule, found[-1], zone, completed_at=datetime(2031, 5, 5, tzinfo=UTC), earlier=earlier)
        if following is None:
            break
        earlier, rule = found[-1], after_one(rule)
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

    following = next_times(read_rule("FREQ=WEEKLY"), Times(None, None), ATHENS, completed_at=done)

    assert following == Times(None, datetime(2027, 4, 3, 7, tzinfo=UTC))  # ten o'clock in Athens, in summer too
