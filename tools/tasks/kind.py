"""What a task is among records."""

from __future__ import annotations

from typing import Any, Final

from tools.models import Task, TaskLink
from tools.records.kinds import Kind
from tools.tasks.calendar import TODOS
from tools.tasks.tree.queries import count_subtasks, find_next, is_overdue

_tasks: Any = Task.__table__

TASK: Final = Kind(
    name="task",
    permission="tasks",
    table=_tasks,
    links=TaskLink.__table__,
    title="title",
    text="description",
    columns=(
        "title",
        "description",
        "status",
        "priority",
        "assignee_id",
        "team_id",
        "start_at",
        "due_at",
        "completed_at",
        "parent_id",
        "position",
        "tags",
        "recurrence",
        "previous_id",
        "reminders",
    ),
    people=("created_by", "assignee_id"),
    teams=("team_id",),
    derived=(
        is_overdue().label("is_overdue"),
        count_subtasks().label("subtasks"),
        find_next().label("next_id"),
    ),
    todos=TODOS,
)
