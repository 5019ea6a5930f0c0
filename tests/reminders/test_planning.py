"""What is planned for a record's time, and moves with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from tests.reminders.stage import Stage, ahead

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
