"""Calendar files of any bytes: each is read, or refused with a reason, in a time that grows with its length."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from common.errors import ImportInvalid
from tools.events.importing.entries import draft_events
from tools.events.importing.reader import read_file

TIMES = st.sampled_from(
    ["20261201T090000Z", "20261201T090000", "20261201", "00000000T000000Z", "99991231T235959Z", "20260230", "x", ""]
)
RULES = st.sampled_from(
    [
        "",
        "COUNT=1",
        "FREQ=DAILY",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;INTERVAL=99999999999",
        "FREQ=DAILY;UNTIL=99991231T235959Z",
        "FREQ=MONTHLY;BYSETPOS=-367",
        "FREQ=SECONDLY",
        "FREQ=WEEKLY;BYDAY=MO",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    ]
)
TEXT = st.text(max_size=30)
LINES = st.one_of(
    st.builds("DTSTART:{}".format, TIMES),
    st.builds("DTSTART;VALUE=DATE:{}".format, TIMES),
    st.builds("DTSTART;TZID={}:{}".format, TEXT, TIMES),
    st.builds("DTEND:{}".format, TIMES),
    st.builds("DURATION:{}".format, st.sampled_from(["PT1H", "P1W", "-PT1H", "P99999999999D", "PT", "P1Y", ""])),
    st.builds("RRULE:{}".format, RULES),
    st.builds("EXDATE:{}".format, st.lists(TIMES, max_size=3).map(",".join)),
    st.builds("RDATE:{}".format, TIMES),
    st.builds("RECURRENCE-ID:{}".format, TIMES),
    st.builds("UID:{}".format, TEXT),
    st.builds("SUMMARY;LANGUAGE={}:{}".format, TEXT, TEXT),
    st.builds("ATTENDEE;CN=\"{}\":mailto:{}".format, TEXT, TEXT),
    st.builds("STATUS:{}".format, st.sampled_from(["CONFIRMED", "CANCELLED", "x"])),
    st.sampled_from(["BEGIN:VEVENT", "END:VEVENT", "BEGIN:VALARM", "END:VALARM", "END:VCALENDAR", " folded", ":", ""]),
    TEXT,
)  # fmt: skip


def read(data: bytes) -> None:
    """As an import does, up to where the database begins."""
    try:
        file = read_file(data)
    except ImportInvalid:
        return
    for draft in draft_events(file, "Europe/Athens"):
        assert draft.values or draft.error


@given(st.binary())
@example(b"BEGIN:VCALENDAR\r\nEND:VCALENDAR")
@example(b"BEGIN:VCALENDAR\r\n" * 1000)
@example(b"\xef\xbb\xbfBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read(data)


@given(st.lists(st.lists(LINES, max_size=8), max_size=4), st.sampled_from(["\r\n", "\n", "\r"]))
def test_any_entries_are_read_or_have_their_fault_told(entries: list[list[str]], ending: str) -> None:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0"]
    for entry in entries:
        lines += ["BEGIN:VEVENT", *entry, "END:VEVENT"]

    read(ending.join([*lines, "END:VCALENDAR", ""]).encode(errors="replace"))
