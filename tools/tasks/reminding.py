"""The reminders of a task: before it is due, to whoever is to do it, or else to who made it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from database import WriteUnit
from tools.records.service import get_written
from tools.reminders import service as reminders
from tools.tasks.kind import TASK
from tools.tasks.tree.queries import CLOSED

DEPENDS_ON: Final = frozenset({"reminders", "due_at", "assignee_id", "status"})


async def keep_reminders(unit: WriteUnit, task_id: UUID) -> None:
    """Plan what the task, as it is now, asks for, and withdraw what it does not ask for any more: of a task that is
    done, cancelled or deleted, everything."""
    task = await get_written(unit, TASK, task_id)
    recipient = task.assignee_id or task.created_by
    if task.deleted_at is not None or task.status in CLOSED or recipient is None:
        await reminders.cancel(unit, TASK, task_id)
        return
    offsets = reminders.offsets_of(task.reminders)
    await reminders.plan(unit, TASK, task_id, anchor=task.due_at, offsets=offsets, recipients=[recipient])
