"""Reminders of events: they follow the event, its occurrences, and who will come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.events import reader
from tests.events.calendars import EVENTS, make
from tests.reminders.stage import Stage
from tests.support.post import PostOffice
from tests.support.probes import owner_connection
from tests.support.things import insert_person
from tests.support.world import Person, TestTenant


@pytest.fixture
def stage(office: PostOffice, branch: TestTenant) -> Stage:
    """One tenant and its post office."""
    return Stage(office, branch)


@pytest.fixture
async def guest(office: PostOffice, branch: TestTenant) -> Person:
    """Somebody who is reminded of nothing else."""
    async with owner_connection(office.config, branch.name) as owner:
        return await insert_person(office.http, owner, branch, "member")


@pytest.fixture
async def author(office: PostOffice, branch: TestTenant) -> Person:
    """Somebody else."""
    async with owner_connection(office.config, branch.name) as owner:
        return await insert_person(office.http, owner, branch, "member")


def tomorrow(**more: float) -> datetime:
    """A moment to come, in whole minutes."""
    return (datetime.now(UTC) + timedelta(days=1, **more)).replace(second=0, microsecond=0)


async def soon(author: Person, guest: Person, **fields: Any) -> dict[str, Any]:
    """An event of tomorrow with a reminder half an hour before, to which the guest is invited."""
    times = {"starts_at": tomorrow().isoformat(), "ends_at": tomorrow(hours=1).isoformat()}
    people = {"attendees": [{"user_id": guest.id}], "reminders": [{"offset_minutes": 30}]}
    return await make(author.api, **times, **people, **fields)


async def pending(stage: Stage, event: dict[str, Any], person: Person) -> list[datetime]:
    """When somebody will be reminded of an event."""
    return [moment for status, moment in await stage.of(UUID(event["id"]), person) if status == "pending"]


async def test_they_move_and_end_with_the_event(stage: Stage, author: Person, guest: Person) -> None:
    event = await soon(author, guest)
    address = f"{EVENTS}/{event['id']}"
    due, half = tomorrow() - timedelta(minutes=30), timedelta(minutes=30)

    assert await pending(stage, event, author) == await pending(stage, event, guest) == [due]
    later = {"starts_at": tomorrow(hours=1).isoformat(), "ends_at": tomorrow(hours=2).isoformat()}
    await author.api.patch(address, json=later)
    assert await pending(stage, event, guest) == [tomorrow(hours=1) - half]
    await guest.api.post(f"{address}/respond", json={"response": "declined"})
    assert await pending(stage, event, guest) == []
    assert await pending(stage, event, author) == [tomorrow(hours=1) - half]
    await author.api.patch(address, json={"status": "cancelled"})
    assert await pending(stage, event, author) == []
    await author.api.patch(address, json={"status": "confirmed"})
    assert await pending(stage, event, author) == [tomorrow(hours=1) - half]
    await author.api.delete(address)
    assert await pending(stage, event, author) == []
    await author.api.post(f"{address}/restore")
    assert await pending(stage, event, author) == [tomorrow(hours=1) - half]
    await author.api.patch(address, json={"reminders": []})
    assert await pending(stage, event, author) == []


async def test_a_recurring_event_reminds_of_one_occurrence_after_the_other(
    stage: Stage, author: Person, guest: Person
) -> None:
    """Not of one that is left out, and of one that was moved when it now is."""
    event = await soon(author, guest, rrule="FREQ=DAILY;COUNT=4")
    address, half = f"{EVENTS}/{event['id']}", timedelta(minutes=30)
    days = [tomorrow() + timedelta(days=number) for number in range(4)]
    await author.api.delete(f"{address}/occurrences/{days[0].isoformat()}")
    moved = {"starts_at": (days[1] + half).isoformat(), "ends_at": (days[1] + 2 * half).isoformat()}
    assert (await author.api.put(f"{address}/occurrences/{days[1].isoformat()}", json=moved)).status_code == 200

    assert await pending(stage, event, author) == [days[1]]
    await author.api.put(f"{address}/occurrences/{days[1].isoformat()}", json={"status": "cancelled"})
    assert await pending(stage, event, author) == [days[2] - half]


async def test_the_mail_leaves_and_the_next_is_planned(stage: Stage, author: Person, guest: Person) -> None:
    event = await soon(author, guest, rrule="FREQ=DAILY")
    await stage.office.deliver()  # the invitation
    await stage.pass_by(days=1)

    letters = await stage.office.deliver()

    assert {letter.to for letter in letters} == {f"{one.username}@twin.example" for one in (author, guest)}
    assert all(event["title"] in letter.subject for letter in letters)
    assert await stage.office.deliver() == []
    assert len(await pending(stage, event, guest)) == 1


async def test_calendars_have_them_as_alarms(author: Person, guest: Person) -> None:
    event = await soon(author, guest)

    calendar = reader.read((await author.api.get(f"{EVENTS}/{event['id']}.ics")).content)

    (alarm,) = calendar.all("VEVENT")[0].all("VALARM")
    assert (alarm.text("ACTION"), alarm.text("TRIGGER")) == ("DISPLAY", "-PT30M")
