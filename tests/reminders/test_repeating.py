"""Reminders of what repeats: each time's is planned when the one before is through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from database import ReadUnit
from tests.reminders.stage import NOTE, Stage, ahead
from tools.records.kinds import KINDS, Kind

DAY = timedelta(days=1)
Diary = Callable[[datetime], Kind]


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> Diary:
    """A kind of notes that are of every day, from a first one on."""

    def begin(first: datetime) -> Kind:
        async def daily(_unit: ReadUnit, _record_id: UUID, after: datetime) -> datetime | None:
            return first if after < first else first + ((after - first) // DAY + 1) * DAY

        kind = replace(NOTE, name="diary", next_moment=daily)
        monkeypatch.setitem(KINDS, kind.name, kind)
        return kind

    return begin


async def test_the_first_time_to_come_is_planned(stage: Stage, diary: Diary) -> None:
    member, first = stage.tenant.people["member"], ahead(days=-3, hours=2)
    note = await stage.note(member)

    await stage.plan(note, first, member, offsets=[30, 180], kind=diary(first))

    assert await stage.of(note, member) == [
        ("pending", first + 3 * DAY - timedelta(minutes=30)),
        ("pending", first + 4 * DAY - timedelta(minutes=180)),
    ]


async def test_each_time_is_followed_by_the_next(stage: Stage, diary: Diary) -> None:
    member, first = stage.tenant.people["member"], ahead(days=-3, minutes=-3)
    note, kind = await stage.note(member), diary(first)
    await stage.plan(note, first, member, offsets=[0], kind=kind)
    assert len(await stage.office.deliver()) == 1

    for _ in range(2):
        assert await stage.of(note, member) == [("sent", first + 3 * DAY), ("pending", first + 4 * DAY)]
        await stage.plan(note, first, member, offsets=[0], kind=kind)
    await stage.pass_by(hours=23, minutes=58)

    assert len(await stage.office.deliver()) == 1
    assert [status for status, _ in await stage.of(note, member)] == ["sent", "sent", "pending"]


async def test_after_an_outage_the_missed_times_are_left_out(stage: Stage, diary: Diary) -> None:
    member, first = stage.tenant.people["member"], ahead(hours=2)
    note = await stage.note(member)
    await stage.plan(note, first, member, offsets=[0], kind=diary(first))

    await stage.pass_by(days=10)

    assert await stage.office.deliver() == []
    assert await stage.of(note, member) == [("missed", first - 10 * DAY), ("pending", first)]


async def test_one_time_can_be_dismissed_alone(stage: Stage, diary: Diary) -> None:
    member, first = stage.tenant.people["member"], ahead(hours=2)
    note, kind = await stage.note(member), diary(first)
    await stage.plan(note, first, member, offsets=[0], kind=kind)
    (mine,) = [item for item in await stage.reminders(member) if item["record"]["id"] == str(note)]
    assert (await member.api.delete(f"/tools/reminders/{mine['id']}")).status_code == 204

    await stage.plan(note, first, member, offsets=[0], kind=kind)
    await stage.office.skip_waits()

    assert await stage.office.deliver() == []
    assert await stage.of(note, member) == [("dismissed", first), ("pending", first + DAY)]


async def test_what_ends_is_not_followed(stage: Stage, diary: Diary) -> None:
    member, first = stage.tenant.people["member"], ahead(minutes=2)
    note = await stage.note(member)
    await stage.plan(note, first, member, offsets=[0], kind=diary(first))
    await stage.plan(note, None, member, kind=diary(first))

    await stage.office.skip_waits()

    assert await stage.office.deliver() == []
    assert await stage.of(note, member) == []
