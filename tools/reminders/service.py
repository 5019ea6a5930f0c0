"""The rules of reminders: what is planned for a record's time, and what becomes of it.

A reminder is a row with one moment, ordered as one job of the outbox. A record that moves withdraws what is pending and
plans anew; what was sent, or dismissed, for a moment is not sent for that moment again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.audit import Target
from common.clock import now
from common.enums import ReminderStatus
from common.errors import NotFound
from common.paging import ListQuery
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from shared_models import Page
from tools.records.kinds import KINDS, Kind
from tools.reminders import queries
from tools.reminders.queries import Due
from tools.reminders.schemas import OwnReminder, RemindedRecord

JUST_NOW: Final = timedelta(minutes=5)  # a moment no longer past than this is still planned: to be sent at once
LATE: Final = timedelta(hours=1)  # a mail held up for longer is sent only while what it is about is still to come


def offsets_of(reminders: Iterable[Mapping[str, int]]) -> list[int]:
    """The minutes in a record's ``reminders``, as they are stored and as a payload is dumped."""
    return [reminder["offset_minutes"] for reminder in reminders]


async def plan(
    unit: WriteUnit,
    kind: Kind,
    record_id: UUID,
    *,
    anchor: datetime | None,
    offsets: Sequence[int],
    recipients: Collection[UUID],
) -> None:
    """Have these people reminded of a record so many minutes before ``anchor``, and of it at no other time.

    To be called after the record was written, with all that holds for it now. What was pending and still is wanted
    stays; a moment that passed more than ``JUST_NOW`` ago is not planned. Of a kind that repeats, the first time that
    is not too late counts, see ``Kind.next_moment``. Without ``anchor`` nothing is left to be sent.
    """
    people = list(dict.fromkeys(recipients))
    asked = [(offset, anchor) for offset in dict.fromkeys(offsets)] if anchor and people else []
    kept = [due for offset, moment in asked if (due := _due(offset, moment))]
    planned = [due for item in asked for due in await _coming(unit, kind, record_id, *item)]
    await queries.delete_pending(unit, kind, record_id, but={*kept, *planned}, of=people)
    await _order(unit, kind, record_id, planned, people)


async def cancel(unit: WriteUnit, kind: Kind, record_id: UUID) -> None:
    """Withdraw what is pending of a record."""
    await queries.delete_pending(unit, kind, record_id, but=(), of=())


async def settle(unit: WriteUnit, reminder: Row[Any], status: ReminderStatus) -> None:
    """Note what became of a reminder whose moment has come, unless it was dismissed or withdrawn meanwhile, and plan
    the next one of what repeats."""
    kind = KINDS.get(reminder.record_type)
    goes_on = False
    if kind is not None and kind.next_moment is not None:
        # Whoever changes the record withdraws what is planned for it, and must not miss what is planned here.
        goes_on = await queries.lock_record(unit, kind, reminder.record_id)
    found = await queries.lock_reminder(unit, reminder.id)
    if found is None:
        return
    if found.status == ReminderStatus.PENDING:
        await queries.set_status(unit, reminder.id, status, now() if status == ReminderStatus.SENT else None)
        unit.audit(f"tools.reminder.{status}", target=_target(reminder.id))
    if kind is not None and goes_on:
        await _continue(unit, kind, reminder)
        unit.audit("tools.reminder.repeated", target=_target(reminder.id))


async def list_reminders(unit: ReadUnit, actor: Principal, query: ListQuery, **filters: Any) -> Page[OwnReminder]:
    """A page of one's own reminders."""
    found = await queries.list_reminders(unit, actor, query, **filters)
    return Page(items=[_shown(row) for row in found.rows], next_cursor=found.next_cursor, total=found.total)


async def dismiss_reminder(unit: WriteUnit, actor: Principal, reminder_id: UUID) -> None:
    """Do without a reminder of one's own. Raises NotFound for one that is not pending."""
    found = await queries.lock_reminder(unit, reminder_id)
    if found is None or (found.user_id, found.status) != (actor.user_id, ReminderStatus.PENDING):
        raise NotFound("You have no such reminder to come.")
    await queries.set_status(unit, reminder_id, ReminderStatus.DISMISSED, None)
    unit.audit("tools.reminder.dismissed", target=_target(reminder_id))


def is_over(reminder: Row[Any], moment: datetime) -> bool:
    """Whether nobody wants the mail any more: it was dismissed, or is too late to be of use."""
    last: datetime = max(anchor_of(reminder), reminder.due_at + LATE)
    return reminder.status != ReminderStatus.PENDING or moment > last


def anchor_of(reminder: Row[Any]) -> datetime:
    """The time that a reminder comes before."""
    anchor: datetime = reminder.due_at + timedelta(minutes=reminder.offset_minutes)
    return anchor


async def _continue(unit: WriteUnit, kind: Kind, reminder: Row[Any]) -> None:
    """Plan the same reminder of the next time. Those that passed during an outage are not made up for."""
    offset = reminder.offset_minutes
    due = await _next(
        unit, kind, reminder.record_id, offset, max(anchor_of(reminder), now() + timedelta(minutes=offset))
    )
    await _order(unit, kind, reminder.record_id, [due] if due else [], [reminder.user_id])


async def _order(
    unit: WriteUnit, kind: Kind, record_id: UUID, moments: Collection[Due], people: Collection[UUID]
) -> None:
    if not moments or not people:
        return
    for row in await queries.insert_reminders(unit, kind, record_id, moments, people):
        unit.enqueue("tools.reminder", {"reminder_id": str(row.id)}, run_at=row.due_at)


async def _coming(unit: ReadUnit, kind: Kind, record_id: UUID, offset: int, anchor: datetime) -> list[Due]:
    """The moments to plan: the first that is not too late and, of what repeats, the first to come, which somebody who
    was reminded just now has planned already."""
    moment = now()
    first = _due(offset, anchor)
    found = [first] if first and first[1] > moment - JUST_NOW else []
    after = max(anchor, moment - JUST_NOW + timedelta(minutes=offset))
    while not found or found[-1][1] <= moment:
        following = await _next(unit, kind, record_id, offset, after)
        if following is None:
            break
        found.append(following)
        after = following[1] + timedelta(minutes=offset)
    return found


async def _next(unit: ReadUnit, kind: Kind, record_id: UUID, offset: int, after: datetime) -> Due | None:
    """The moment that belongs to the first time after ``after``; None of what does not repeat."""
    following = await kind.next_moment(unit, record_id, after) if kind.next_moment else None
    return _due(offset, following) if following else None


def _due(offset: int, anchor: datetime) -> Due | None:
    """So many minutes before; None before the calendar begins."""
    try:
        return offset, anchor - timedelta(minutes=offset)
    except OverflowError:
        return None


def _target(reminder_id: UUID) -> Target:
    return Target("reminder", str(reminder_id))


def _shown(row: Row[Any]) -> OwnReminder:
    record = RemindedRecord(type=row.record_type, id=row.record_id, title=row.title)
    return OwnReminder(
        id=row.id,
        record=record,
        offset_minutes=row.offset_minutes,
        due_at=row.due_at,
        status=row.status,
        sent_at=row.sent_at,
        created_at=row.created_at,
    )
