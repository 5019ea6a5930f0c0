"""The next task of a series, made in the commit that completes the one before.

It is exactly one, however often and by however many that is done: the completed task's row is locked by then, and
``uq_tasks_previous_id`` stands behind it.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from common.enums import TaskStatus
from common.registry import Effective
from database import ReadUnit, WriteUnit
from tools.records import service
from tools.tasks.kind import TASK
from tools.tasks.positions import between
from tools.tasks.queries import is_active_user
from tools.tasks.recurrence import queries
from tools.tasks.recurrence.rules import after_one, read_rule
from tools.tasks.recurrence.series import Times, next_times
from tools.tasks.reminding import keep_reminders
from tools.tasks.tree.queries import find_last_position
from users import TIME_ZONE

COPIED: Final = (
    "title",
    "description",
    "priority",
    "assignee_id",
    "team_id",
    "parent_id",
    "tags",
    "reminders",
    "links",
)


async def continue_series(unit: WriteUnit, task_id: UUID, settings: Effective) -> None:
    """Make the task that follows a completed one, with the same author, unless none does or it was made before."""
    done = await service.get_written(unit, TASK, task_id)
    if done.recurrence is None or await queries.has_next(unit, task_id):
        return
    rule = read_rule(done.recurrence)
    times = next_times(
        rule,
        Times(done.start_at, done.due_at),
        ZoneInfo(settings[TIME_ZONE]),
        completed_at=done.completed_at,
        earlier=await _times_before(unit, done),
    )
    if times is None:
        return
    values = {name: getattr(done, name) for name in COPIED} | {
        "status": TaskStatus.TODO,
        "start_at": times.start_at,
        "due_at": times.due_at,
        "recurrence": after_one(rule).text,
        "previous_id": task_id,
        "position": between(await find_last_position(unit, TaskStatus.TODO), None),
    }
    if done.assignee_id is not None and not await is_active_user(unit, done.assignee_id):
        values["assignee_id"] = None  # who has left gets no new work; whoever looks for what is nobody's finds it
    next_id = await service.create_record(unit, TASK, values, settings, created_by=done.created_by)
    if done.reminders:
        await keep_reminders(unit, next_id)


async def _times_before(unit: ReadUnit, task: Row[Any]) -> Times | None:
    if task.previous_id is None:
        return None
    before = await queries.find_times(unit, task.previous_id)
    return Times(before.start_at, before.due_at) if before else None
