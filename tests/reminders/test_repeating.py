"""Reminders of what repeats: each time's is planned when the one before is through."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from common.audit import Origin
from common.enums import ReminderStatus
from database import ReadUnit
from tests.reminders.stage import NOTE, Stage, ahead
from tests.support.apps import registered, services_of
from tests.support.probes import owner_connection
from tools.records.kinds import KINDS, Kind
from tools.reminders import queries, service

DAY = timedelta(days=1)


async def next_day(unit: ReadUnit, record_id: UUID, after: datetime) -> datetime | None:
    """Every day from the moment on that the note says."""
    content = select(NOTE.table.c.content).where(NOTE.table.c.id == record_id)
    first = datetime.fromisoformat((await unit.execute(content)).scalar_one())
    return first if after < first else first + ((after - first) // DAY + 1) * DAY


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> Kind:
    """A kind of notes that are of every day."""
    kind = replace(NOTE, name="diary", next_moment=next_day)
    monkeypatch.setitem(KINDS, kind.name, kind)
    return kind


async def test_the_first_time_to_come_is_planned(stage: Stage, diary: Kind) -> None:
    member, first = stage.tenant.people["member"], ahead(days=-3, hours=2)
    note = await stage.note(member)

    await stage.plan(note, first, member, offsets=[30, 180], kind=diary, content=first.isoformat())

    assert await stage.of(note, member) == [
        ("pending", first + 3 * DAY - timedelta(minutes=30)),
        ("pending", first + 4 * DAY - timedelta(minutes=180)),
    ]


async def test_each_time_is_followed_by_the_next(stage: Stage, diary: Kind) -> None:
    member, first = stage.tenant.people["member"], ahead(days=-3, minutes=-3)
    note = await stage.note(member)
    await stage.plan(note, first, member, offsets=[0], kind=diary, content=first.isoformat())
    assert len(await stage.office.deliver()) == 1

    for _ in range(2):
        assert await stage.of(note, member) == [("sent", first + 3 * DAY), ("pending", first + 4 * DAY)]
        await stage.plan(note, first, member, offsets=[0], kind=diary, content=first.isoformat())
    await stage.pass_by(hours=23, minutes=58)

    assert len(await stage.office.deliver()) == 1
    assert [status for status, _ in await stage.of(note, member)] == ["sent", "sent", "pending"]


async def test_after_an_outage_the_missed_times_are_left_out(stage: Stage, diary: Kind) -> None:
    member, first = stage.tenant.people["member"], ahead(hours=2)
    note = await stage.note(member)
    await stage.plan(note, first, member, offsets=[0], kind=diary, content=first.isoformat())

    await stage.pass_by(days=10)

    assert await stage.office.deliver() == []
    assert await stage.of(note, member) == [("missed", first - 10 * DAY), ("pending", first)]


async def test_one_time_can_be_dismissed_alone(stage: Stage, diary: Kind) -> None:
    member, first = stage.tenant.people["member"], ahead(hours=2)
    note = await stage.note(member)
    await stage.plan(note, first, member, offsets=[0], kind=diary, content=first.isoformat())
    (mine,) = [item for item in await stage.reminders(member) if item["record"]["id"] == str(note)]
    assert (await member.api.delete(f"/tools/reminders/{mine['id']}")).status_code == 204

    await stage.plan(note, first, member, offsets=[0], kind=diary, content=first.isoformat())
    await stage.office.skip_waits()

    assert await stage.office.deliver() == []
    assert await stage.of(note, member) == [("dismissed", first), ("pending", first + DAY)]


async def test_what_is_gone_is_not_followed(stage: Stage, diary: Kind) -> None:
    member, first = stage.tenant.people["member"], ahead(minutes=2)
    note = await stage.note(member)
    await stage.plan(note, first, member, offsets=[0], kind=diary, content=first.isoformat())
    assert (await member.api.delete(f"/tools/notes/{note}")).status_code == 204

    await stage.office.skip_waits()

    assert await stage.office.deliver() == []
    assert await stage.of(note, member) == [("missed", first)]


async def test_what_ends_is_not_followed(stage: Stage, diary: Kind) -> None:
    member, first = stage.tenant.people["member"], ahead(minutes=2)
    note = await stage.note(member)
    await stage.plan(note, first, member, offsets=[0], kind=diary, content=first.isoformat())
    await stage.plan(note, None, member, kind=diary, content=first.isoformat())

    await stage.office.skip_waits()

    assert await stage.office.deliver() == []
    assert await stage.of(note, member) == []


async def test_what_moves_while_its_next_time_is_planned_is_planned_as_it_is_now(stage: Stage, diary: Kind) -> None:
    """The tool waits for the worker, and then sees what that has planned."""
    member, office = stage.tenant.people["member"], stage.office
    first, moved = ahead(days=-3, minutes=-3), ahead(days=-1, hours=5)
    note = await stage.note(member)
    await stage.plan(note, first, member, offsets=[0], kind=diary, content=first.isoformat())
    async with owner_connection(office.config, stage.tenant.name) as watcher:
        # Leave the next one to the worker.
        await watcher.execute("DELETE FROM reminders WHERE due_at > $1", ahead())
        due = await watcher.fetchval("SELECT id FROM reminders WHERE record_id = $1", note)
        tenant = await registered(office.app, stage.tenant.name)
        async with services_of(office.app).database.write(tenant, origin=Origin("the worker")) as unit:
            reminder = await queries.find_reminder(unit, due)
            assert reminder is not None
            await service.settle(unit, reminder, ReminderStatus.SENT)
            moving = asyncio.create_task(
                stage.plan(note, moved, member, offsets=[0], kind=diary, content=moved.isoformat())
            )
            while not await watcher.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not moving.done()
                await asyncio.sleep(0.005)
        await moving

    assert await stage.of(note, member) == [("sent", first + 3 * DAY), ("pending", moved + DAY)]
