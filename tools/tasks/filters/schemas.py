"""What a list of tasks and the board can be narrowed by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from common.enums import TaskPriority, TaskStatus

Nothing = Literal["none"]
Me = Literal["me"]


@dataclass(frozen=True, slots=True)
class TaskTimes:
    """Exactly when, or from when to when, both exclusive; None does not narrow."""

    start_after: datetime | None
    start_before: datetime | None
    due_after: datetime | None
    due_before: datetime | None
    completed_after: datetime | None
    completed_before: datetime | None
    start_at: datetime | None
    due_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class TaskTexts:
    """What the texts of a task hold; its recurrence is exactly this."""

    title: str | None
    description: str | None
    recurrence: str | None


@dataclass(frozen=True, slots=True)
class TaskFilters:
    """The filters that only tasks have. None and an empty tuple do not narrow."""

    times: TaskTimes
    texts: TaskTexts
    status: tuple[TaskStatus, ...]
    priority: tuple[TaskPriority, ...]
    assignee_id: UUID | Me | Nothing | None
    team_id: UUID | Nothing | None
    parent_id: UUID | Nothing | None
    position: float | None
    position_after: float | None
    position_before: float | None
    is_overdue: bool | None
    is_recurring: bool | None
    has_reminders: bool | None
    tags: tuple[str, ...]
