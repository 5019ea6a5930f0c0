"""Calendar files and feeds, as programs that know nothing of this service read them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from common.clock import now
from common.config import Config
from common.ids import new_id
from tests.events import reader
from tests.events.calendars import EVENTS, happenings, make
from tests.support.contracts import ListContract
from tests.support.contracts.lists import GUARDS
from tests.support.probes import owner_connection, watched
from tests.support.staff import Staff
from tests.support.things import insert_person
from tests.support.world import API, Api, TestTenant, create_tenant

FEEDS = f"{EVENTS}/feeds"
NASTY = 'Comma, semi; back\\slash "quoted"\r\nΚαλημέρα ' + "μακρύς τίτλος " * 12


async def feed(api: Api, **fields: Any) -> str:
    """A new feed's address."""
    answer = await api.post(FEEDS, json={"name": "Feed", **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"]).removeprefix(API)


async def uids(api: Api, address: str) -> set[str | None]:
    """What a feed shows."""
    answer = await api.get(address)
    assert answer.status_code == 200, answer.text
    return {one.text("UID") for one in reader.read(answer.content).inner if one.name != "VTIMEZONE"}


def nobody(tenant: TestTenant) -> Api:
    """Somebody who sends no header at all."""
    return Api(tenant.owner._http, {})


@pytest.mark.parametrize(
    ("zone", "first", "low", "high"),
    [
        ("Europe/Athens", "2026-10-20T06:00:00", "2026-10-20", "2026-10-30"),
        ("America/New_York", "2026-10-27T13:30:00", "2026-10-27", "2026-11-06"),
        ("America/New_York", "2026-03-03T14:00:00", "2026-03-03", "2026-03-12"),
        ("Asia/Kolkata", "2026-10-20T03:30:00", "2026-10-20", "2026-10-30"),
        ("UTC", "2026-10-20T06:00:00", "2026-10-20", "2026-10-30"),
    ],
)
@pytest.mark.parametrize("rule", ["FREQ=DAILY", "FREQ=DAILY;INTERVAL=3;COUNT=5"])
async def test_another_program_reads_the_same_moments(  # noqa: PLR0917
    alpha: TestTenant, zone: str, first: str, low: str, high: str, rule: str
) -> None:
    """Across a change of the clock."""
    start = datetime.fromisoformat(f"{first}Z")
    left_out = (start + timedelta(days=3)).isoformat()
    event = await make(
        alpha.owner,
        starts_at=start.isoformat(),
        ends_at=(start + timedelta(hours=1)).isoformat(),
        timezone=zone,
        rrule=rule,
        exdates=[left_out],
    )
    window = [datetime.fromisoformat(f"{day}T00:00:00Z") for day in (low, high)]

    answer = await alpha.owner.get(f"{EVENTS}/{event['id']}.ics")

    calendar = reader.read(answer.content)
    (component,) = calendar.all("VEVENT")
    found = reader.starts(calendar, component, window[0], window[1])
    told = await happenings(alpha.owner, *(day.isoformat() for day in window))
    expected = [datetime.fromisoformat(one["starts_at"]) for one in told if one["event_id"] == event["id"]]
    assert found == expected
    assert len(found) >= 2
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{event["id"]}.ics"'
    same = await alpha.owner.get(f"{EVENTS}/{event['id']}.ics", headers={"If-None-Match": answer.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")


async def test_every_text_arrives_as_it_was(twin: TestTenant) -> None:
    title = " ".join(NASTY.split())
    event = await make(
        twin.owner, title=title[:200], description=NASTY, location="A, B; C", join_url="https://meet.example/a;b,c"
    )

    answer = await twin.owner.get(f"{EVENTS}/{event['id']}.ics")

    (component,) = reader.read(answer.content).all("VEVENT")
    assert component.text("SUMMARY") == event["title"]
    assert component.text("DESCRIPTION") == NASTY.replace("\r\n", "\n")
    assert (component.text("LOCATION"), component.text("STATUS")) == ("A, B; C", "CONFIRMED")
    assert (component.text("UID"), component.text("SEQUENCE")) == (event["id"], "0")


@pytest.mark.promise("S1")
async def test_no_text_begins_a_line_of_its_own(twin: TestTenant) -> None:
    breaks = ("\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029")
    text = "".join(f"{sign}ATTENDEE:mailto:x@guests.example" for sign in breaks)
    event = await make(twin.owner, title=f"a{text}"[:200], description=text, location=f"a{text}")

    content = (await twin.owner.get(f"{EVENTS}/{event['id']}.ics")).text
    shown = (await nobody(twin).get(await feed(twin.owner, name=f"a{text}"[:200]))).text

    for file in (content, shown):
        assert f"UID:{event['id']}" in file
        assert not [line for line in file.splitlines() if line.startswith("ATTENDEE")]


async def test_what_differs_and_whole_days_are_written_as_such(alpha: TestTenant) -> None:
    event = await make(
        alpha.owner,
        starts_at="2026-10-23T21:00:00Z",
        ends_at="2026-10-24T21:00:00Z",
        all_day=True,
        timezone="Europe/Athens",
        rrule="FREQ=DAILY;UNTIL=20261101T120000Z",
        exdates=["2026-10-24T21:00:00Z"],
    )
    address = f"{EVENTS}/{event['id']}"
    put = await alpha.owner.put(f"{address}/occurrences/2026-10-25T22:00:00Z", json={"status": "cancelled"})
    assert put.status_code == 200, put.text

    master, changed = reader.read((await alpha.owner.get(f"{address}.ics")).content).all("VEVENT")

    told = {name: (parameters, value) for name, parameters, value in master.properties}
    assert told["DTSTART"] == ({"VALUE": "DATE"}, "20261024")
    assert told["DTEND"] == ({"VALUE": "DATE"}, "20261025")
    assert told["EXDATE"] == ({"VALUE": "DATE"}, "20261025")
    assert told["RRULE"][1] == "FREQ=DAILY;UNTIL=20261101"
    other = {name: (parameters, value) for name, parameters, value in changed.properties}
    assert other["RECURRENCE-ID"] == ({"VALUE": "DATE"}, "20261026")
    assert (other["STATUS"][1], other["UID"]) == ("CANCELLED", told["UID"])


async def test_an_hour_that_comes_twice_is_told_apart(alpha: TestTenant) -> None:
    """A local time can only mean the first."""
    starts = {}
    for hour in (0, 1):  # 03:30 in Athens, both
        at = f"2026-10-25T0{hour}:30:00Z"
        event = await make(alpha.owner, starts_at=at, ends_at=at, timezone="Europe/Athens")
        (component,) = reader.read((await alpha.owner.get(f"{EVENTS}/{event['id']}.ics")).content).all("VEVENT")
        starts[hour] = next(value for name, _, value in component.properties if name == "DTSTART")
    refused = await alpha.owner.post(
        EVENTS, json={"title": "x", "starts_at": at, "ends_at": at, "timezone": "Europe/Athens", "rrule": "FREQ=DAILY"}
    )

    assert starts == {0: "20261025T033000", 1: "20261025T013000Z"}
    assert (refused.status_code, refused.json()["code"]) == (422, "schedule_invalid")


@pytest.mark.promise("T1")
async def test_a_feed_shows_what_its_owner_may_read_now(
    twin: TestTenant, staff: Staff, neighbour: Staff, config: Config
) -> None:
    mine = (await make(staff.author.api, starts_at=now().isoformat(), ends_at=now().isoformat()))["id"]
    own = await feed(staff.author.api)
    team = await feed(staff.manager.api, scope="readable")
    invitation = await make(staff.outsider.api, rrule="FREQ=DAILY", attendees=[{"user_id": staff.author.id}])
    foreign = await make(neighbour.author.api, rrule="FREQ=DAILY")
    old = await make(staff.author.api, starts_at="2020-01-01T00:00:00Z", ends_at="2020-01-02T00:00:00Z")
    anonymous = nobody(twin)

    seen = await uids(anonymous, own)
    assert {mine, invitation["id"]} <= seen
    assert {foreign["id"], old["id"]} & seen == set()
    assert mine in await uids(anonymous, team)
    assert mine not in await uids(anonymous, await feed(staff.manager.api))
    await staff.outsider.api.patch(f"{EVENTS}/{invitation['id']}", json={"attendees": []})
    await staff.author.api.delete(f"{EVENTS}/{mine}")
    assert {mine, invitation["id"]} & await uids(anonymous, own) == set()
    headers = {"X-Tenant-ID": "beta" if twin.name == "tenant_alpha" else "alpha"}
    other = await anonymous.get(own, headers=headers)
    assert (other.status_code, other.json()["code"]) == (403, "tenant_mismatch")
    async with owner_connection(config, twin.name) as owner:
        secret = own.removeprefix(f"{FEEDS}/").removesuffix(".ics")
        assert await owner.fetchval("SELECT count(*) FROM event_feeds f WHERE strpos(f::text, $1) > 0", secret) == 0


async def test_a_feed_has_tasks_as_things_to_do(tenant: TestTenant, config: Config) -> None:
    async def task(**fields: Any) -> dict[str, Any]:
        answer = await tenant.owner.post("/tools/tasks", json={"title": "Call, the hotel", **fields})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    times = {"start_at": "2026-12-01T08:00:00Z", "due_at": "2026-12-01T10:00:00Z"}
    due = await task(**times, priority="urgent", reminders=[{"offset_minutes": 15}], status="in_progress")
    done = await task(status="done", description="Said yes")
    await task(status="cancelled")
    async with owner_connection(config, tenant.name) as owner:
        other = await insert_person(tenant.owner._http, owner, tenant, "member")
        await owner.execute("INSERT INTO tasks (id, title, created_by) VALUES ($1, 'theirs', $2)", new_id(), other.id)
    both, tasks = await feed(tenant.owner), await feed(tenant.owner, include=["tasks"], scope="readable")
    event = await make(tenant.owner, rrule="FREQ=DAILY")
    anonymous = nobody(tenant)

    answer = await anonymous.get(both)
    calendar = reader.read(answer.content)
    todos = {one.text("UID"): one for one in calendar.all("VTODO")}
    assert todos.keys() == {due["id"], done["id"]}
    first, second = todos[due["id"]], todos[done["id"]]
    names = ("SUMMARY", "DUE", "DTSTART", "STATUS", "PRIORITY")
    assert [first.text(name) for name in names] == [
        *("Call, the hotel", "20261201T100000Z", "20261201T080000Z", "IN-PROCESS", "1")
    ]
    (alarm,) = first.all("VALARM")
    assert [(given, value) for name, given, value in alarm.properties if name == "TRIGGER"] == [
        ({"RELATED": "END"}, "-PT15M")
    ]
    assert (second.text("STATUS"), second.text("DESCRIPTION"), second.all("VALARM")) == ("COMPLETED", "Said yes", [])
    assert [one.text("UID") for one in calendar.all("VEVENT")] == [event["id"]]
    everything = reader.read((await anonymous.get(tasks)).content)
    assert (len(everything.all("VTODO")), everything.all("VEVENT")) == (3, [])
    await tenant.owner.patch(f"/tools/tasks/{due['id']}", json={"title": "Other"})
    again = await anonymous.get(both, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 200


@pytest.mark.promise("T1")
async def test_an_address_of_a_feed_is_good_in_its_tenant_only(alpha: TestTenant, beta: TestTenant) -> None:
    address = await feed(alpha.owner)
    anonymous = nobody(alpha)

    stolen = await anonymous.get(address.replace("/alpha.", "/beta."))
    assert (stolen.status_code, stolen.json()["code"]) == (404, "not_found")
    for broken in ("alpha.", "x", address[-20:-4], "alpha." + "A" * 42, "tenant_alpha." + "A" * 43, "%00." + "A" * 43):
        answer = await anonymous.get(f"{FEEDS}/{broken}.ics")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), broken
    unknown = await anonymous.get(f"{FEEDS}/alpha.{'A' * 43}.ics")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


@pytest.mark.promise("I2")
@pytest.mark.parametrize("end", ["deactivated", "deleted", "powerless", "feed deleted"])
async def test_a_feed_ends_with_its_owner_s_access(tenant: TestTenant, config: Config, end: str) -> None:
    async with owner_connection(config, tenant.name) as owner:
        person = await insert_person(tenant.owner._http, owner, tenant, "member")
    address, anonymous = await feed(person.api), nobody(tenant)
    etag = (await anonymous.get(address)).headers["ETag"]
    (listed,) = (await person.api.get(FEEDS)).json()["items"]

    ways = {
        "deactivated": tenant.owner.patch(f"/users/{person.id}", json={"is_active": False}),
        "deleted": tenant.owner.delete(f"/users/{person.id}"),
        "powerless": tenant.owner.put(f"/users/{person.id}/roles", json={"role_ids": []}),
        "feed deleted": person.api.delete(f"{FEEDS}/{listed['id']}"),
    }
    chosen = ways.pop(end)
    for other in ways.values():
        other.close()
    assert (await chosen).is_success

    for headers in ({}, {"If-None-Match": etag}):
        answer = await anonymous.get(address, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    if end in {"deactivated", "deleted"}:  # like sessions and keys, it does not come back with its owner
        await tenant.owner.post(f"/users/{person.id}/restore")
        await tenant.owner.patch(f"/users/{person.id}", json={"is_active": True})
        assert (await anonymous.get(address)).status_code == 404


async def test_a_feed_is_made_again_only_when_it_changed(tenant: TestTenant, app: FastAPI) -> None:
    event = await make(tenant.owner, rrule="FREQ=DAILY", timezone="Europe/Athens")
    address, anonymous = await feed(tenant.owner), nobody(tenant)
    first = await anonymous.get(address)
    known = {"If-None-Match": first.headers["ETag"]}

    with watched(app) as traffic:
        same = await anonymous.get(address, headers=known)
    statements = [text for text in traffic.statements if not GUARDS.search(text)]
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert len(statements) == 3  # the feed, its owner's rights, the mark
    assert not any("description" in text or "title" in text for text in statements)

    path = f"{EVENTS}/{event['id']}"
    changes = [
        tenant.owner.patch(path, json={"title": "Other"}),
        tenant.owner.put(f"{path}/occurrences/2026-10-21T06:00:00Z", json={"title": "One"}),
        tenant.owner.delete(f"{path}/occurrences/2026-10-22T06:00:00Z"),
        tenant.owner.delete(path),
        tenant.owner.post(f"{path}/restore"),
    ]
    etags = {first.headers["ETag"]}
    for change in changes:
        assert (await change).is_success
        etags.add((await anonymous.get(address)).headers["ETag"])
    assert len(etags) == 6
    again = await anonymous.get(address, headers={"If-None-Match": "*"})
    assert again.status_code == 304


@pytest.mark.promise("S7")
async def test_nobody_has_more_feeds_than_twenty(tenant: TestTenant) -> None:
    answers = await asyncio.gather(*(tenant.owner.post(FEEDS, json={}) for _ in range(24)))

    assert sorted(answer.status_code for answer in answers) == [201] * 20 + [409] * 4
    assert {answer.json().get("code") for answer in answers} == {None, "too_many_feeds"}
    listed = (await tenant.owner.get(FEEDS, params={"include_total": "true"})).json()
    assert listed["total"] == 20
    assert "url" not in listed["items"][0]


@pytest.mark.promise("I8")
async def test_a_feed_is_where_its_answer_says_and_tells_no_address(
    twin: TestTenant, neighbour: Staff, staff: Staff
) -> None:
    made = await twin.owner.post(FEEDS)  # all is as usual
    place = made.headers["Location"].removeprefix(API)

    found = await twin.owner.get(place)

    assert (made.status_code, found.status_code) == (201, 200)
    assert found.json() == {name: value for name, value in made.json().items() if name != "url"}
    for stranger in (staff.reader.api, neighbour.reader.api):
        assert (await stranger.get(place)).status_code == 404
    assert (await twin.owner.delete(place)).status_code == 204
    assert (await twin.owner.get(place)).status_code == 404


@pytest.mark.parametrize("include", [[], ["notes"], ["events", "x"], "events", None])
async def test_a_feed_has_something_in_it(alpha: TestTenant, include: Any) -> None:
    answer = await alpha.owner.post(FEEDS, json={"include": include})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/include")


class TestListOfFeeds(ListContract):
    """One's own feeds."""

    path = "/tools/events/feeds"
    sorts = ("created_at",)

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(alpha: TestTenant, config: Config) -> TestTenant:
        """A tenant whose owner has twelve, and a colleague one."""
        tenant = await create_tenant(alpha.owner._http)
        for number in range(12):
            await feed(tenant.owner, name=f"feed {number}")
        async with owner_connection(config, tenant.name) as owner:
            person = await insert_person(alpha.owner._http, owner, tenant, "member")
            await owner.execute(
                "INSERT INTO event_feeds (id, user_id, digest) VALUES ($1, $2, decode(repeat('00', 32), 'hex'))",
                *(new_id(), person.id),
            )
        return tenant


def test_the_reader_reads_a_described_zone() -> None:
    """It would be no witness if it guessed."""
    zone = reader.Component("VTIMEZONE")
    zone.inner = [
        reader.Component("STANDARD", [("DTSTART", {}, "19701025T040000"), ("TZOFFSETTO", {}, "+0200")]),
        reader.Component("DAYLIGHT", [("DTSTART", {}, "19710329T030000"), ("TZOFFSETTO", {}, "-0330")]),
    ]
    assert reader.offset_at(zone, datetime(1971, 1, 1)) == timedelta(hours=2)  # noqa: DTZ001
    assert reader.offset_at(zone, datetime(1972, 1, 1)) == timedelta(hours=-3, minutes=-30)  # noqa: DTZ001
    calendar = reader.Component("VCALENDAR")
    assert reader.moment(calendar, {}, "20260101T000000Z") == datetime(2026, 1, 1, tzinfo=UTC)
