"""Tasks as calendars show them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Row, and_, or_

from common.enums import TaskPriority, TaskStatus
from tools.models import Task
from tools.records.kinds import Condition
from tools.records.todos import Todo, TodoSource
from tools.reminders.service import offsets_of

STATUSES: Final[dict[str, Literal["NEEDS-ACTION", "IN-PROCESS", "COMPLETED", "CANCELLED"]]] = {
    TaskStatus.TODO: "NEEDS-ACTION",
    TaskStatus.IN_PROGRESS: "IN-PROCESS",
    TaskStatus.BLOCKED: "NEEDS-ACTION",
    TaskStatus.DONE: "COMPLETED",
    TaskStatus.CANCELLED: "CANCELLED",
}
PRIORITIES: Final = {TaskPriority.LOW: 9, TaskPriority.MEDIUM: 5, TaskPriority.HIGH: 3, TaskPriority.URGENT: 1}
_tasks: Any = Task.__table__.c


def is_current(since: datetime) -> Condition:
    """What is to be done, and what was done since then."""
    open_ones = _tasks.status.not_in([TaskStatus.DONE, TaskStatus.CANCELLED])
    return or_(open_ones, and_(_tasks.status == TaskStatus.DONE, _tasks.completed_at >= since))


def read_todo(task: Row[Any]) -> Todo:
    """What a calendar says of a task. An alarm of what is done would ring for nothing."""
    is_open = task.completed_at is None
    return Todo(
        title=task.title,
        description=task.description,
        status=STATUSES[task.status],
        starts_at=task.start_at,
        due_at=task.due_at,
        completed_at=task.completed_at,
        priority=PRIORITIES[task.priority],
        alarms=tuple(offsets_of(task.reminders)) if is_open else (),
    )


TODOS: Final = TodoSource(is_current, read_todo)
