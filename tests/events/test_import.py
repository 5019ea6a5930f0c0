"""Importing calendar files: what other programs write, and what nobody should."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.events import reader
from tests.events.calendars import EVENTS, happenings, make
from tests.events.test_files import NASTY, feed, nobody
from tests.support.post import PostOffice
from tests.support.things import word
from tests.support.world import Api, TestTenant
from tools.events.importing import entries

IMPORT = f"{EVENTS}/import"


def calendar(*items: str, head: str = "") -> str:
    """A file with these entries."""
    body = "".join(f"BEGIN:VEVENT\r\n{item.strip()}\r\nEND:VEVENT\r\n" for item in items)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{head}{body}END:VCALENDAR\r\n"


def entry(*lines: str, uid: str | None = None) -> str:
    """One that starts at some time."""
    return "\r\n".join([f"UID:{uid or word()}", "SUMMARY:Tour", "DTSTART:20261020T060000Z", *lines])


async def send(api: Api, file: str | bytes, **query: Any) -> dict[str, Any]:
    """What becomes of a file."""
    answer = await api.post(IMPORT, content=file, headers={"Content-Type": "text/calendar"}, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def only(api: Api, file: str | bytes) -> dict[str, Any]:
    """The event that a file makes."""
    report = await send(api, file)
    assert [item["status"] for item in report["items"]] == ["created"], report
    return dict((await api.get(f"{EVENTS}/{report['items'][0]['event_id']}")).json())


async def test_a_file_is_imported_once(twin: TestTenant, office: PostOffice, branch: TestTenant) -> None:
    uid = word()
    file = calendar(
        entry("ATTENDEE;RSVP=TRUE:mailto:guest@guests.example", "BEGIN:VALARM", "UID:x", "END:VALARM", uid=uid),
        entry(uid=f"{uid}-2"),
        entry(uid=uid),
    )

    tried = await send(twin.owner, file, dry_run="true")
    first = await send(twin.owner, file)
    second = await send(twin.owner, file)

    assert [item["status"] for item in tried["items"]] == ["would_create", "would_create", "skipped"]
    assert [item["status"] for item in first["items"]] == ["created", "created", "skipped"]
    assert [item["status"] for item in second["items"]] == ["skipped"] * 3
    assert [(report["created"], report["skipped"]) for report in (tried, first, second)] == [(2, 1), (2, 1), (0, 3)]
    assert first["items"][0]["event_id"] == second["items"][0]["event_id"]
    event = (await twin.owner.get(f"{EVENTS}/{first['items'][0]['event_id']}")).json()
    assert (event["uid"], event["attendees"], event["ends_at"]) == (uid, [], "2026-10-20T06:00:00Z")
    await send(branch.owner, file)
    assert await office.jobs() == []


@pytest.mark.promise("D4")
async def test_of_many_imports_of_a_file_at_once_one_creates(twin: TestTenant) -> None:
    file = calendar(entry(), entry())

    reports = await asyncio.gather(*(send(twin.owner, file) for _ in range(32)))

    assert sorted((report["created"], report["skipped"]) for report in reports) == [(0, 2)] * 31 + [(2, 0)]
    assert len({item["event_id"] for report in reports for item in report["items"]}) == 2


async def test_what_was_exported_comes_back_the_same(alpha: TestTenant, tenant: TestTenant) -> None:
    event = await make(
        alpha.owner,
        title="Round, trip; of\\course",
        description=NASTY,
        location="A, B",
        starts_at="2026-10-20T06:00:00Z",
        timezone="Europe/Athens",
        rrule="FREQ=DAILY;COUNT=9",
        exdates=["2026-10-27T07:00:00Z"],
        status="tentative",
        join_url="https://meet.example/x",
    )
    address = f"{EVENTS}/{event['id']}"
    moved = {"title": "Moved", "starts_at": "2026-10-22T09:00:00Z", "ends_at": "2026-10-22T10:00:00Z"}
    await alpha.owner.put(f"{address}/occurrences/2026-10-22T06:00:00Z", json=moved)
    file = (await alpha.owner.get(f"{address}.ics")).content

    copy = await only(tenant.owner, file)
    again = await send(alpha.owner, file)

    same = ("title", "location", "starts_at", "ends_at", "all_day", "timezone", "rrule", "exdates", "last_ends_at")
    assert {name: copy[name] for name in same} == {name: event[name] for name in same}
    assert (copy["status"], copy["join_url"], copy["uid"]) == ("tentative", "https://meet.example/x", event["id"])
    assert copy["description"] == NASTY.replace("\r\n", "\n")
    window = ("2026-10-20T00:00:00Z", "2026-11-20T00:00:00Z")
    found = [await happenings(api, *window) for api in (alpha.owner, tenant.owner)]
    told = [
        [
            (one["title"], one["starts_at"], one["ends_at"])
            for one in items
            if one["event_id"] in {event["id"], copy["id"]}
        ]
        for items in found
    ]
    assert told[0] == told[1]
    assert len(told[0]) == 8
    assert [item["status"] for item in again["items"]] == ["skipped"]
    shown = await nobody(tenant).get(await feed(tenant.owner))
    assert {one.text("UID") for one in reader.read(shown.content).all("VEVENT")} == {event["id"]}


async def test_what_other_programs_write_is_understood(tenant: TestTenant) -> None:
    """Outlook's zones, Evolution's, floating times, durations, whole days, folded lines, bare line feeds, a BOM."""
    head = "X-WR-TIMEZONE:Asia/Tokyo\r\nBEGIN:VTIMEZONE\r\nTZID:x\r\nEND:VTIMEZONE\r\n"
    starts = {
        "DTSTART;TZID=GTB Standard Time:20260701T090000\r\nDURATION:PT1H30M": ("06:00", "07:30", "Europe/Bucharest"),
        'DTSTART;TZID="/x.org/2005/Europe/Athens":20260701T090000\r\nDTEND:20260701T070000Z': (
            "06:00",
            "07:00",
            "Europe/Athens",
        ),
        "DTSTART:20260701T090000": ("00:00", "00:00", "Asia/Tokyo"),
        "DTSTART;VALUE=DATE:20260702": ("15:00", "15:00", "Asia/Tokyo"),
        "DTSTART:20260701\r\nDURATION:P3D": ("15:00", "15:00", "Asia/Tokyo"),
    }
    items = [f"UID:{number}\r\nSUM\r\n MARY:Fol\r\n\tded\r\n{line}" for number, line in enumerate(starts)]
    file = b"\xef\xbb\xbf" + calendar(*items, head=head).replace("\r\n", "\n").encode()

    report = await send(tenant.owner, file)

    events = [(await tenant.owner.get(f"{EVENTS}/{item['event_id']}")).json() for item in report["items"]]
    assert {event["title"] for event in events} == {"Folded"}
    told = [(event["starts_at"][11:16], event["ends_at"][11:16], event["timezone"]) for event in events]
    assert told == list(starts.values())
    assert [event["all_day"] for event in events] == [False, False, False, True, True]
    assert [event["ends_at"][8:10] for event in events[3:]] == ["02", "03"]


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("RRULE:FREQ=SECONDLY",), "schedule_invalid"),
        (("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",), "schedule_invalid"),
        (("RRULE:FREQ=WEEKLY;BYDAY=MO",), "schedule_invalid"),
        (("RRULE:" + "FREQ=DAILY;" * 100,), "string_too_long"),
        (("RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY"), "property_repeated"),
        (("RDATE:20261021T060000Z",), "property_unsupported"),
        (("RRULE:FREQ=DAILY", "EXDATE:" + "20261021T060000Z," * 1001), "too_many_times"),
        (("RRULE:FREQ=DAILY", *[f"EXDATE:20261021T{n:06}Z" for n in range(100000, 100060)] * 9), None),
        (("DTEND:20261019T060000Z",), "schedule_invalid"),
        (("DTEND:soon",), "time_invalid"),
        (("DTEND:20260230T060000Z",), "time_invalid"),
        (("DTEND:99999999T999999Z",), "time_invalid"),
        (("DTEND:99991231T235959Z",), "value_error"),
        (("DURATION:-PT1H",), "time_invalid"),
        (("DURATION:P9999W",), "value_error"),
        (("DTEND;TZID=Mars/Olympus:20261020T070000",), "timezone_unknown"),
        (("DESCRIPTION:" + "x" * 20_001,), "string_too_long"),
        (("DESCRIPTION:a\0b",), "string_pattern_mismatch"),
        (('LOCATION;X="unclosed:y',), "line_invalid"),
        (("no property",), "line_invalid"),
        (('X-ANYTHING;A=B;C="D:E;F":' + ";:" * 1000,), None),
        (("URL:javascript:alert(1)",), None),
        (("UID:second",), None),
        (("RECURRENCE-ID:20261021T060000Z",), "occurrence_unknown"),
        # Where the years end, a step further is none.
        (("DTSTART:99991231T235959Z", "DURATION:PT1H"), "time_invalid"),
        (("DTSTART;VALUE=DATE:99991231",), "time_invalid"),
        (("DTSTART;VALUE=DATE:00010101",), "value_error"),
    ],
)
async def test_what_is_wrong_with_an_entry_is_its_own_error(
    alpha: TestTenant, lines: tuple[str, ...], code: str | None
) -> None:
    given = entry(*lines)
    if lines[0].startswith("DTSTART"):
        given = given.replace("DTSTART:20261020T060000Z\r\n", "")

    report = await send(alpha.owner, calendar(given, entry()), dry_run="true")

    first, second = report["items"]
    assert (first["code"], second["status"]) == (code, "would_create"), first
    assert (first["status"] == "error") == (code is not None)


@pytest.mark.promise("S1")
@pytest.mark.parametrize("moment", ["00010101T000000Z", "99991231T235959Z"])
async def test_no_occurrence_is_outside_of_the_years_there_are(alpha: TestTenant, moment: str) -> None:
    uid = word()
    file = calendar(entry("RRULE:FREQ=DAILY", uid=uid), entry(f"RECURRENCE-ID:{moment}", uid=uid))

    report = await send(alpha.owner, file, dry_run="true")

    assert [item["code"] for item in report["items"]] == [None, "time_invalid"]


@pytest.mark.promise("S1")
@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\r\n" * 10_000,
        b"no calendar",
        b"\xff\xfe\x00B",
        b"BEGIN:VCALENDAR\r\n",
        b"END:VCALENDAR\r\n",
        b"BEGIN:VEVENT\r\nEND:VEVENT\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\n" + b"BEGIN:X\r\n" * 100_000,
        b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\nEND:VEVENT\r\n" * 1001 + b"END:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\n" + b"X:\r\n" * 200_001 + b"END:VCALENDAR\r\n",
        calendar(entry("SUMMARY:\ud800")).encode("utf-8", "surrogatepass"),
        calendar(entry()).encode("utf-16"),
    ],
)
async def test_what_is_no_calendar_is_refused(alpha: TestTenant, file: bytes) -> None:
    answer = await alpha.owner.post(IMPORT, content=file, headers={"Content-Type": "text/calendar"})

    assert (answer.status_code, answer.json()["code"]) in {(422, "import_invalid"), (422, "validation_failed")}


@pytest.mark.promise("S7")
async def test_a_file_too_large_is_not_read(alpha: TestTenant) -> None:
    answer = await alpha.owner.post(IMPORT, content=b"x" * 5_000_000, headers={"Content-Type": "text/calendar"})

    assert answer.status_code == 413


@pytest.mark.promise("S7")
async def test_the_rules_of_a_file_share_one_effort(alpha: TestTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MAX_EFFORT", 3_000)

    report = await send(alpha.owner, calendar(*(entry("RRULE:FREQ=DAILY;COUNT=999") for _ in range(9))), dry_run="true")

    assert [item["status"] for item in report["items"]] == ["would_create"] * 3 + ["error"] * 6


async def test_nothing_without_an_end_or_a_name_is_lost(tenant: TestTenant) -> None:
    file = calendar("DTSTART:20261020T060000Z", "DTSTART:20261020T060000Z\r\nUID:" + "u" * 300)

    report = await send(tenant.owner, file)
    again = await send(tenant.owner, file)

    assert (report["created"], again["skipped"]) == (2, 2)
    assert {len(item["uid"]) for item in report["items"]} == {64}


async def test_what_was_imported_again_stands_in_the_way_of_its_restoring(tenant: TestTenant) -> None:
    file = calendar(entry())
    event = await only(tenant.owner, file)
    await tenant.owner.delete(f"{EVENTS}/{event['id']}")
    await only(tenant.owner, file)

    answer = await tenant.owner.post(f"{EVENTS}/{event['id']}/restore")

    assert (answer.status_code, answer.json()["code"]) == (409, "event_exists")
