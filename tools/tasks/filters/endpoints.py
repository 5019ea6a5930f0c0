"""The query parameters that lists of tasks and the board have."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AwareDatetime

from common.enums import TaskPriority, TaskStatus
from tools.records.endpoints import TagFilter
from tools.tasks.filters.schemas import Me, Nothing, TaskFilters, TaskTimes


async def task_times(  # noqa: PLR0917 - FastAPI calls it by keyword
    start_after: AwareDatetime | None = None,
    start_before: AwareDatetime | None = None,
    due_after: AwareDatetime | None = None,
    due_before: AwareDatetime | None = None,
    completed_after: AwareDatetime | None = None,
    completed_before: AwareDatetime | None = None,
) -> TaskTimes:
    """The filters by time, read from the query."""
    return TaskTimes(start_after, start_before, due_after, due_before, completed_after, completed_before)


async def task_filters(  # noqa: PLR0917 - FastAPI calls it by keyword
    times: Annotated[TaskTimes, Depends(task_times)],
    tag: TagFilter = (),
    status: Annotated[tuple[TaskStatus, ...], Query(description="Repeated, any of them.")] = (),
    priority: Annotated[tuple[TaskPriority, ...], Query(description="Repeated, any of them.")] = (),
    assignee_id: Annotated[UUID | Me | Nothing | None, Query(description="A user, `me`, or `none`.")] = None,
    team_id: Annotated[UUID | Nothing | None, Query(description="A team, or `none`.")] = None,
    parent_id: Annotated[UUID | Nothing | None, Query(description="The subtasks of a task; `none`: of none.")] = None,
    position_after: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    position_before: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    is_overdue: Annotated[bool | None, Query(description="Due before now, neither done nor cancelled.")] = None,
    is_recurring: Annotated[bool | None, Query(description="Has a recurrence.")] = None,
    has_reminders: Annotated[bool | None, Query(description="Somebody is to be reminded of it.")] = None,
) -> TaskFilters:
    """All of them."""
    return TaskFilters(
        times=times,
        tags=tag,
        status=status,
        priority=priority,
        assignee_id=assignee_id,
        team_id=team_id,
        parent_id=parent_id,
        position_after=position_after,
        position_before=position_before,
        is_overdue=is_overdue,
        is_recurring=is_recurring,
        has_reminders=has_reminders,
    )


Narrowed = Annotated[TaskFilters, Depends(task_filters)]
"""The filters that only tasks have."""
