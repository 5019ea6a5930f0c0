"""What is planned for a record's time, and moves with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.reminders.stage import Stage, ahead
from tests.support.probes import watched
from tools.reminders import service
from tools.reminders.schemas import Reminder, Reminders

REMINDERS: Final = TypeAdapter[list[Reminder]](Reminders)
HALF_HOUR = timedelta(minutes=30)


async def test_a_reminder_is_mailed_once_when_it_is_due(stage: Stage) -> None:
    member = stage.tenant.people["member"]
    note, anchor = await stage.note(member, title="Call the hotel"), ahead(hours=2)

    await stage.plan(note, anchor, member)
    assert await stage.office.deliver() == []
    assert await stage.of(note, member) == [("pending", anchor - HALF_HOUR)]
    await stage.office.skip_waits()
    (letter,) = await stage.office.deliver()

    assert (letter.to, letter.page) == (member.email, f"/notes/{note}")
    assert "Call the hotel" in letter.subject
    assert await stage.of(note, member) == [("sent", anchor - HALF_HOUR)]
    await stage.plan(note, anchor, member)
    await stage.office.skip_waits()
    assert await stage.office.deliver() == []


async def test_what_moves_is_reminded_of_at_its_new_time_only(stage: Stage) -> None:
    member, admin = stage.tenant.people["member"], stage.tenant.people["admin"]
    note, anchor, later = await stage.note(member), ahead(hours=2), ahead(days=2)
    await stage.plan(note, anchor, member, admin, offsets=[30, 60])
    await stage.office.deliver()

    await stage.plan(note, later, member, offsets=[30])
    assert await stage.of(note, member) == [("pending", later - HALF_HOUR)]
    assert await stage.of(note, admin) == []
    await stage.office.skip_waits()

    assert [letter.to for letter in await stage.office.deliver()] == [member.email]


async def test_what_is_cancelled_reminds_nobody(stage: Stage) -> None:
    member = stage.tenant.people["member"]
    note = await stage.note(member)
    withdrawals: tuple[Callable[[], Awaitable[None]], ...] = (
        lambda: stage.cancel(note),
        lambda: stage.plan(note, None, member),
        lambda: stage.plan(note, ahead(hours=2)),
    )
    for withdraw in withdrawals:
        await stage.plan(note, ahead(hours=2), member)
        await withdraw()
        assert await stage.of(note, member) == []

    await stage.office.skip_waits()
    assert await stage.office.deliver() == []


async def test_what_has_passed_is_not_planned_save_what_has_only_just(stage: Stage) -> None:
    member = stage.tenant.people["member"]
    note, anchor = await stage.note(member), ahead(minutes=29)

    await stage.plan(note, anchor, member, offsets=[0, 30, 60, 40320])

    assert await stage.of(note, member) == [("pending", anchor - HALF_HOUR), ("pending", anchor)]
    (letter,) = await stage.office.deliver()
    assert letter.to == member.email
    for unreachable in (datetime.min.replace(tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)):
        await stage.plan(note, unreachable, member)
        assert await stage.of(note, member) == [("sent", anchor - HALF_HOUR)]


async def test_what_was_put_back_is_not_sent_again(stage: Stage) -> None:
    """Held up for a moment: what is still to be sent stays, whatever else of the record changes."""
    member = stage.tenant.people["member"]
    note, anchor = await stage.note(member), ahead(minutes=40)
    await stage.plan(note, anchor, member)
    await stage.pass_by(minutes=20)
    await stage.plan(note, anchor - timedelta(minutes=20), member)
    assert [status for status, _ in await stage.of(note, member)] == ["pending"]
    assert len(await stage.office.deliver()) == 1

    await stage.plan(note, anchor + timedelta(days=1), member)
    await stage.plan(note, anchor - timedelta(minutes=20), member)

    assert [status for status, _ in await stage.of(note, member)] == ["sent"]
    await stage.office.skip_waits()
    assert await stage.office.deliver() == []


async def test_planning_for_many_costs_as_much_as_for_one(stage: Stage) -> None:
    note, counts = await stage.note(stage.tenant.people["member"]), []
    people = list(stage.tenant.people.values())
    for some in (people[:1], people):
        await stage.plan(note, ahead(hours=1), *people)
        with watched(stage.office.app) as traffic:
            await stage.plan(note, ahead(days=2), *some, offsets=[5, 10, 30, 60, 1440][: len(some)])
        counts.append(sum("reminders" in text for text in traffic.statements))

    assert counts == [2, 2]


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    "value",
    [
        [{"offset_minutes": -1}],
        [{"offset_minutes": 40_321}],
        [{"offset_minutes": None}],
        [{}],
        [{"offset_minutes": 5, "due_at": "2030-01-01T00:00:00Z"}],
        [{"offset_minutes": number} for number in range(6)],
        {"offset_minutes": 5},
    ],
)
def test_reminders_that_are_none_are_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        REMINDERS.validate_python(value)


def test_reminders_are_kept_once_each_in_order() -> None:
    found = REMINDERS.validate_python([{"offset_minutes": number} for number in (60, 5, 60, 0)])

    assert REMINDERS.dump_python(found) == [{"offset_minutes": number} for number in (0, 5, 60)]
    assert service.offsets_of(REMINDERS.dump_python(found)) == [0, 5, 60]
