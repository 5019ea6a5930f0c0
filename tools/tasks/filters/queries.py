"""The orders and filters of tasks in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, case, func, literal_column

from common.enums import TaskPriority, TaskStatus
from common.paging import Order, contains
from shared_auth import Principal
from tools.records.kinds import Condition
from tools.records.queries import between
from tools.tasks.filters.schemas import TaskFilters, TaskTexts, TaskTimes
from tools.tasks.kind import TASK
from tools.tasks.tree.queries import is_overdue

_columns: Any = TASK.table.c


def _or_never(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A time to sort and compare by: none is later than all. Of ``due_at``, it is what the indexes hold."""
    return func.coalesce(column, literal_column("'infinity'::timestamp with time zone", DateTime(timezone=True)))


def _place(column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[int]:
    """Where a value stands in its enumeration."""
    return case({value: number for number, value in enumerate(values)}, value=column)


ORDER: Final = Order(
    fields={
        "created_at": _columns.created_at,
        "updated_at": _columns.updated_at,
        "title": _columns.title,
        "position": _columns.position,
        "start_at": _or_never(_columns.start_at),
        "due_at": _or_never(_columns.due_at),
        "completed_at": _or_never(_columns.completed_at),
        "priority": _place(_columns.priority, list(TaskPriority)),
        "status": _place(_columns.status, list(TaskStatus)),
    },
    identity=_columns.id,
)


def filter_conditions(filters: TaskFilters, actor: Principal) -> list[Condition]:
    """The filters as conditions."""
    return [*_references(filters, actor), *_times(filters.times), *_texts(filters.texts), *_states(filters)]


def _references(filters: TaskFilters, actor: Principal) -> list[Condition]:
    found = []
    for name in ("assignee_id", "team_id", "parent_id"):
        wanted: UUID | str | None = getattr(filters, name)
        if wanted == "none":
            found.append(_columns[name].is_(None))
        elif wanted is not None:
            found.append(_columns[name] == (actor.user_id if wanted == "me" else wanted))
    return found


def _times(times: TaskTimes) -> list[Condition]:
    found: list[Condition] = []
    for name in ("start", "due", "completed"):
        column = _columns[f"{name}_at"]
        at, after, before = (getattr(times, f"{name}_{which}") for which in ("at", "after", "before"))
        if at is not None:
            found.append(_or_never(column) == at)
        if after is not None:
            found += [_or_never(column) > after, column.is_not(None)]
        if before is not None:
            found.append(_or_never(column) < before)
    return found


def _texts(texts: TaskTexts) -> list[Condition]:
    parts = ((_columns.title, texts.title), (_columns.description, texts.description))
    found: list[Condition] = [contains(part, column) for column, part in parts if part]
    if texts.recurrence is not None:
        found.append(_columns.recurrence == texts.recurrence)
    return found


def _states(filters: TaskFilters) -> list[Condition]:
    found = between(_columns.position, filters.position_after, filters.position_before)
    if filters.status:
        found.append(_columns.status.in_(filters.status))
    if filters.priority:
        found.append(_columns.priority.in_(filters.priority))
    if filters.position is not None:
        found.append(_columns.position == filters.position)
    if filters.is_overdue is not None:
        found.append(is_overdue() == filters.is_overdue)
    if filters.is_recurring is not None:
        found.append(_columns.recurrence.is_not(None) == filters.is_recurring)
    if filters.has_reminders is not None:
        found.append((func.jsonb_array_length(_columns.reminders) > 0) == filters.has_reminders)
    return found
