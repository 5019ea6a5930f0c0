"""What happens in a window: across changes of the clock, with changed and left out occurrences, within limits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI

from common.config import Config
from tests.events.calendars import DAY, EVENTS, happenings, make, starts
from tests.support.contracts.lists import GUARDS
from tests.support.probes import owner_connection, watched
from tests.support.staff import Staff
from tests.support.things import insert_person
from tests.support.world import TestTenant


@pytest.mark.parametrize(
    ("zone", "start", "window", "expected"),
    [
        # Autumn in Athens: 9 o'clock is 06:00 UTC on Saturday and 07:00 on Sunday.
        ("Europe/Athens", "2026-10-24T06:00:00Z", ("2026-10-24", "2026-10-26"), ["24T06", "25T07"]),
        # Spring in New York: 9 o'clock is 14:00 UTC on Saturday and 13:00 on Sunday.
        ("America/New_York", "2026-03-07T14:00:00Z", ("2026-03-07", "2026-03-09"), ["07T14", "08T13"]),
        # 02:30 is skipped on Sunday: read with the offset before, it is 03:30.
        ("America/New_York", "2026-03-07T07:30:00Z", ("2026-03-07", "2026-03-10"), ["07T07", "08T07", "09T06"]),
        # 03:30 comes twice on Sunday: the first is meant.
        ("Europe/Athens", "2026-10-24T00:30:00Z", ("2026-10-24", "2026-10-27"), ["24T00", "25T00", "26T01"]),
    ],
)
async def test_an_hour_survives_a_change_of_the_clock(
    alpha: TestTenant, zone: str, start: str, window: tuple[str, str], expected: list[str]
) -> None:
    event = await make(alpha.owner, starts_at=start, ends_at=start, timezone=zone, rrule="FREQ=DAILY")

    found = await starts(alpha.owner, event, *(f"{day}T00:00:00Z" for day in window))

    assert [one[8:13] for one in found] == expected


async def test_whole_days_stay_whole_across_a_change_of_the_clock(alpha: TestTenant) -> None:
    event = await make(
        alpha.owner,
        starts_at="2026-10-23T21:00:00Z",
        ends_at="2026-10-24T21:00:00Z",
        all_day=True,
        timezone="Europe/Athens",
        rrule="FREQ=DAILY;COUNT=3",
    )

    found = await happenings(alpha.owner, "2026-10-20T00:00:00Z", "2026-10-30T00:00:00Z")

    assert [(one["starts_at"][8:13], one["ends_at"][8:13]) for one in found if one["event_id"] == event["id"]] == [
        ("23T21", "24T21"),
        ("24T21", "25T22"),
        ("25T22", "26T22"),
    ]
    assert event["last_ends_at"] == "2026-10-26T22:00:00Z"


async def test_a_rule_ends_with_its_count_or_its_last_day(twin: TestTenant) -> None:
    counted = await make(twin.owner, rrule="FREQ=DAILY;INTERVAL=2;COUNT=2")
    until = await make(twin.owner, rrule="FREQ=DAILY;UNTIL=20261021")
    endless = await make(twin.owner, rrule="FREQ=YEARLY")

    window = ("2026-10-20T00:00:00Z", "2026-11-20T00:00:00Z")
    assert await starts(twin.owner, counted, *window) == ["2026-10-20T06:00:00Z", "2026-10-22T06:00:00Z"]
    assert await starts(twin.owner, until, *window) == ["2026-10-20T06:00:00Z", "2026-10-21T06:00:00Z"]
    assert (counted["last_ends_at"], endless["last_ends_at"]) == ("2026-10-22T07:00:00Z", None)
    assert await starts(twin.owner, endless, "2199-10-01T00:00:00Z", "2199-11-01T00:00:00Z") == ["2199-10-20T06:00:00Z"]
    assert await starts(twin.owner, counted, "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z") == []


async def test_a_window_has_what_reaches_into_it(twin: TestTenant) -> None:
    long = await make(twin.owner, starts_at="2026-05-01T00:00:00Z", ends_at="2026-05-03T00:00:00Z")
    moment = await make(twin.owner, starts_at="2026-05-02T00:00:00Z", ends_at="2026-05-02T00:00:00Z")
    nightly = await make(
        twin.owner, starts_at="2026-05-01T22:00:00Z", ends_at="2026-05-02T02:00:00Z", rrule="FREQ=DAILY;COUNT=2"
    )

    async def seen(low: str, high: str) -> list[str]:
        mine = {long["id"]: "long", moment["id"]: "moment", nightly["id"]: "nightly"}
        found = await happenings(twin.owner, f"2026-05-{low}:00:00Z", f"2026-05-{high}:00:00Z")
        return [mine[one["event_id"]] for one in found if one["event_id"] in mine]

    assert await seen("02T00", "02T01") == ["long", "nightly", "moment"]
    assert await seen("02T02", "02T03") == ["long"]
    assert await seen("03T00", "03T01") == ["nightly"]
    assert await seen("03T02", "04T00") == []
    assert await seen("01T00", "01T01") == ["long"]


async def test_one_occurrence_can_differ(twin: TestTenant) -> None:
    event = await make(twin.owner, rrule="FREQ=DAILY", location="Lobby")
    window = ("2026-10-20T00:00:00Z", "2026-10-24T00:00:00Z")
    second, third = (f"{EVENTS}/{event['id']}/occurrences/2026-10-{day}T06:00:00Z" for day in (21, 22))
    moved = {"starts_at": "2027-01-05T10:00:00Z", "ends_at": "2027-01-05T11:00:00Z", "title": "Elsewhere"}

    changed = await twin.owner.put(second, json=moved, headers={"If-Match": '"v1"'})
    cancelled = await twin.owner.put(third, json={"status": "cancelled"})

    assert (changed.status_code, changed.headers["ETag"], cancelled.headers["ETag"]) == (200, '"v2"', '"v3"')
    assert await starts(twin.owner, event, *window) == [f"2026-10-{day}T06:00:00Z" for day in (20, 22, 23)]
    (found,) = [
        one
        for one in await happenings(twin.owner, "2027-01-05T10:30:00Z", "2027-01-05T12:00:00Z")
        if one["event_id"] == event["id"]
    ]
    assert (found["title"], found["location"], found["is_changed"]) == ("Elsewhere", "Lobby", True)
    assert found["original_starts_at"] == "2026-10-21T06:00:00Z"
    (gone,) = await happenings(twin.owner, *window, status="cancelled")
    assert (gone["event_id"], gone["starts_at"]) == (event["id"], "2026-10-22T06:00:00Z")
    same = await twin.owner.put(third, json={"status": "cancelled"})
    assert same.headers["ETag"] == '"v3"'
    back = await twin.owner.put(second, json={})
    assert [one["status"] for one in back.json()["changed_occurrences"]] == ["cancelled"]
    assert len(await starts(twin.owner, event, *window)) == 4


async def test_one_occurrence_can_be_left_out(twin: TestTenant) -> None:
    event = await make(twin.owner, rrule="FREQ=DAILY;COUNT=3")
    second = f"{EVENTS}/{event['id']}/occurrences/2026-10-21T09:00:00+03:00"
    assert (await twin.owner.put(second, json={"title": "Other"})).status_code == 200

    stale = await twin.owner.delete(second, headers={"If-Match": '"v1"'})
    assert stale.status_code == 412
    assert (await twin.owner.delete(second)).status_code == 204
    again = [await twin.owner.delete(second), await twin.owner.put(second, json={"title": "Other"})]

    assert [answer.status_code for answer in again] == [404, 404]
    shown = (await twin.owner.get(f"{EVENTS}/{event['id']}")).json()
    assert (shown["exdates"], shown["changed_occurrences"]) == (["2026-10-21T06:00:00Z"], [])
    window = ("2026-10-20T00:00:00Z", "2026-11-01T00:00:00Z")
    assert [one[8:10] for one in await starts(twin.owner, event, *window)] == ["20", "22"]
    for start in ("2026-10-21T06:00:01Z", "2026-10-23T06:00:00Z", "2026-10-19T06:00:00Z"):
        answer = await twin.owner.put(f"{EVENTS}/{event['id']}/occurrences/{start}", json={"title": "x"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await twin.owner.put(f"{EVENTS}/{event['id']}/occurrences/soon", json={})).status_code == 422


async def test_changes_of_occurrences_go_with_them(twin: TestTenant) -> None:
    event = await make(twin.owner, rrule="FREQ=DAILY", exdates=["2026-10-23T06:00:00Z"])
    address = f"{EVENTS}/{event['id']}"
    for day in (21, 22):
        await twin.owner.put(f"{address}/occurrences/2026-10-{day}T06:00:00Z", json={"title": "Other"})

    fewer = await twin.owner.patch(address, json={"rrule": "FREQ=DAILY;INTERVAL=2"})
    single = await twin.owner.patch(address, json={"rrule": None})

    assert [one["original_starts_at"] for one in fewer.json()["changed_occurrences"]] == ["2026-10-22T06:00:00Z"]
    assert (single.json()["exdates"], single.json()["changed_occurrences"]) == ([], [])
    assert single.json()["last_ends_at"] == "2026-10-20T07:00:00Z"


@pytest.mark.promise("D4")
async def test_many_changes_of_occurrences_at_once_are_all_kept(alpha: TestTenant) -> None:
    event = await make(alpha.owner, rrule="FREQ=DAILY")
    address = f"{EVENTS}/{event['id']}"
    days = [f"2026-11-{day:02}T06:00:00Z" for day in range(1, 17)]

    answers = await asyncio.gather(
        *(alpha.owner.put(f"{address}/occurrences/{day}", json={"title": day}) for day in days),
        *(alpha.owner.delete(f"{address}/occurrences/{day.replace('-11-', '-12-')}") for day in days),
    )

    assert {answer.status_code for answer in answers} <= {200, 204}
    shown = (await alpha.owner.get(address)).json()
    assert [one["title"] for one in shown["changed_occurrences"]] == days
    assert (len(shown["exdates"]), shown["version"]) == (16, 33)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"rrule": "FREQ=SECONDLY"}, "/body/rrule"),
        ({"rrule": "FREQ=WEEKLY;BYDAY=MO"}, "/body/rrule"),  # it starts on a Tuesday
        ({"rrule": "FREQ=DAILY;UNTIL=20261019"}, "/body/rrule"),
        ({"rrule": "FREQ=DAILY;" + "BYMONTH=1," * 60}, "/body/rrule"),
        ({"exdates": ["2026-10-20T06:00:00Z"]}, "/body/exdates"),
        ({"exdates": [f"2026-10-20T06:{n // 60:02}:{n % 60:02}Z" for n in range(501)]}, "/body/exdates"),
        ({"ends_at": "2026-10-20T05:00:00Z"}, "/body/ends_at"),
        ({"ends_at": "2028-10-20T05:00:00Z"}, "/body/ends_at"),
        ({"all_day": True}, "/body/starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "/body/starts_at"),
        ({"starts_at": 1_792_476_000}, "/body/starts_at"),
        ({"starts_at": "9999-12-31T23:59:59-14:00"}, "/body/starts_at"),
        ({"starts_at": "2026-10-20T06:00:00"}, "/body/starts_at"),
        ({"timezone": "Mars/Olympus"}, "/body/timezone"),
        ({"timezone": "../../etc/passwd"}, "/body/timezone"),
        ({"timezone": None, "join_url": "javascript:alert(1)"}, "/body/join_url"),
        ({"title": "x" * 201}, "/body/title"),
        ({"description": "x" * 1_000_000}, "/body/description"),
        ({"location": "a\0b"}, "/body/location"),
        ({"attendees": [{}]}, "/body/attendees/0"),
        ({"attendees": [{"email": "A@x.example"}, {"email": "a@X.example"}]}, "/body/attendees"),
        ({"attendees": [{"email": f"a{n}@x.example"} for n in range(201)]}, "/body/attendees"),
        ({"attendees": [{"email": "no address"}]}, "/body/attendees/0/email"),
    ],
)
@pytest.mark.promise("S7")
async def test_an_impossible_event_is_refused(alpha: TestTenant, fields: dict[str, Any], pointer: str) -> None:
    times = {"starts_at": "2026-10-20T06:00:00Z", "ends_at": "2026-10-20T07:00:00Z"}

    answer = await alpha.owner.post(EVENTS, json={"title": "fine", **times, **fields})

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    "window",
    [
        {"from": "2026-10-20T00:00:00Z"},
        {"from": "2026-10-20T00:00:00Z", "to": "2026-10-20T00:00:00Z"},
        {"from": "2026-10-20T00:00:00Z", "to": "2027-10-22T00:00:00Z"},
        {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T00:00:00Z"},
        {"from": "2026-10-20", "to": "2026-10-21"},
    ],
)
async def test_a_window_is_bounded(alpha: TestTenant, window: dict[str, str]) -> None:
    assert (await alpha.owner.get(f"{EVENTS}/occurrences", params=window)).status_code == 422


@pytest.mark.promise("S7")
async def test_too_many_occurrences_are_refused_and_few_cost_one_statement(tenant: TestTenant, app: FastAPI) -> None:
    for _ in range(14):
        await make(tenant.owner, rrule="FREQ=DAILY")

    year = {"from": "2027-01-01T00:00:00Z", "to": "2028-01-01T00:00:00Z"}
    refused = await tenant.owner.get(f"{EVENTS}/occurrences", params=year)
    with watched(app) as traffic:
        found = await happenings(tenant.owner, *DAY.values())

    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_occurrences")
    assert len(found) == 14
    assert len([text for text in traffic.statements if not GUARDS.search(text)]) == 1


@pytest.mark.promise("T1")
async def test_a_window_shows_what_one_may_read(twin: TestTenant, staff: Staff, neighbour: Staff) -> None:
    own = await make(staff.author.api, links=[{"type": "booking", "id": "B-7"}], rrule="FREQ=DAILY")
    invited = await make(staff.outsider.api, attendees=[{"user_id": staff.author.id}])
    foreign = await make(neighbour.author.api)

    async def seen(person: Any, **query: Any) -> set[str]:
        return {one["event_id"] for one in await happenings(person.api, *DAY.values(), **query)}

    assert {own["id"], invited["id"]} <= await seen(staff.author)
    assert invited["id"] in await seen(staff.author, attendee_id=staff.author.id)
    assert own["id"] not in await seen(staff.author, attendee_id=staff.author.id)
    assert own["id"] in await seen(staff.manager, related_type="booking", related_id="B-7")
    assert {own["id"], invited["id"]} & await seen(staff.colleague) == set()
    assert own["id"] in await seen(staff.reader, q=own["title"])
    assert foreign["id"] not in await seen(staff.reader)
    stranger = await staff.colleague.api.put(f"{EVENTS}/{own['id']}/occurrences/2026-10-21T06:00:00Z", json={})
    reader = await staff.reader.api.delete(f"{EVENTS}/{own['id']}/occurrences/2026-10-21T06:00:00Z")
    assert (stranger.status_code, reader.status_code) == (404, 403)


@pytest.mark.promise("T1")
async def test_free_and_busy_tells_when_and_nothing_else(
    twin: TestTenant, staff: Staff, neighbour: Staff, config: Config
) -> None:
    window = {"from": "2031-03-03T00:00:00Z", "to": "2031-03-06T00:00:00Z"}
    async with owner_connection(config, twin.name) as owner:
        maker, other = [await insert_person(twin.owner._http, owner, twin, "member") for _ in range(2)]
    author, colleague = maker.id, other.id

    async def book(start: str, end: str, **fields: Any) -> dict[str, Any]:
        return await make(maker.api, starts_at=f"2031-03-{start}:00:00Z", ends_at=f"2031-03-{end}:00:00Z", **fields)

    first = await book("03T08", "03T10", attendees=[{"user_id": colleague}], rrule="FREQ=DAILY;COUNT=2")
    await book("03T10", "03T11")
    await book("03T09", "03T12", status="cancelled")
    await book("05T08", "05T09", attendees=[{"user_id": author, "response": "declined"}, {"user_id": colleague}])
    cancelled = f"{EVENTS}/{first['id']}/occurrences/2031-03-04T08:00:00Z"
    assert (await maker.api.put(cancelled, json={"status": "cancelled"})).status_code == 200

    answer = await staff.outsider.api.get(f"{EVENTS}/free-busy", params={**window, "user_id": [author, colleague]})

    assert answer.status_code == 200
    busy = {
        one["user_id"]: [(span["starts_at"][8:13], span["ends_at"][8:13]) for span in one["busy"]]
        for one in answer.json()["items"]
    }
    assert busy == {author: [("03T08", "03T11")], colleague: [("03T08", "03T10"), ("05T08", "05T09")]}
    assert set(answer.json()["items"][0]["busy"][0]) == {"starts_at", "ends_at"}
    strangers = await twin.owner.get(f"{EVENTS}/free-busy", params={**window, "user_id": [author, neighbour.author.id]})
    assert (strangers.status_code, strangers.json()["code"]) == (422, "unknown_reference")
    many = await twin.owner.get(f"{EVENTS}/free-busy", params={**window, "user_id": [author] * 51})
    assert many.status_code == 422
