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
    """From when to when, both exclusive; None does not narrow."""

    start_after: datetime | None
    start_before: datetime | None
    due_after: datetime | None
    due_before: datetime | None
    completed_after: datetime | None
    completed_before: datetime | None


@dataclass(frozen=True, slots=True)
class TaskFilters:
    """The filters that only tasks have. None and an empty tuple do not narrow."""

    times: TaskTimes
    status: tuple[TaskStatus, ...]
    priority: tuple[TaskPriority, ...]
    assignee_id: UUID | Me | Nothing | None
    team_id: UUID | Nothing | None
    parent_id: UUID | Nothing | None
    position_after: float | None
    position_before: float | None
    is_overdue: bool | None
    is_recurring: bool | None
    has_reminders: bool | None
    tags: tuple[str, ...]
