"""The SQL of series of tasks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from database import ReadUnit
from tools.models import Task

_tasks: Any = Task.__table__


async def has_next(unit: ReadUnit, task_id: UUID) -> bool:
    """Whether a task was made when this one was completed, even if it is deleted by now."""
    return (await unit.execute(select(_tasks.c.id).where(_tasks.c.previous_id == task_id))).one_or_none() is not None


async def find_times(unit: ReadUnit, task_id: UUID) -> Row[Any] | None:
    """When a task begins and is due."""
    found = await unit.execute(select(_tasks.c.start_at, _tasks.c.due_at).where(_tasks.c.id == task_id))
    return found.one_or_none()
