"""The query parameters that lists of tasks and the board have."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from common.enums import TaskPriority, TaskStatus
from common.times import GivenTime
from serving.listing import MAX_SEARCH_LENGTH
from tools.records.endpoints import TagFilter
from tools.tasks.filters.schemas import Me, Nothing, TaskFilters, TaskTexts, TaskTimes


async def task_times(  # noqa: PLR0917 - FastAPI calls it by keyword
    start_after: GivenTime | None = None,
    start_before: GivenTime | None = None,
    due_after: GivenTime | None = None,
    due_before: GivenTime | None = None,
    completed_after: GivenTime | None = None,
    completed_before: GivenTime | None = None,
    start_at: GivenTime | None = None,
    due_at: GivenTime | None = None,
    completed_at: GivenTime | None = None,
) -> TaskTimes:
    """The filters by time, read from the query."""
    return TaskTimes(
        *(start_after, start_before, due_after, due_before, completed_after, completed_before),
        *(start_at, due_at, completed_at),
    )


async def task_texts(
    title: Annotated[str | None, Query(max_length=MAX_SEARCH_LENGTH, description="The title has this in it.")] = None,
    description: Annotated[
        str | None, Query(max_length=MAX_SEARCH_LENGTH, description="The description has this in it.")
    ] = None,
    recurrence: Annotated[str | None, Query(max_length=500, description="Exactly this rule, as it is shown.")] = None,
) -> TaskTexts:
    """The filters by text, read from the query."""
    return TaskTexts(title, description, recurrence)


async def task_filters(  # noqa: PLR0917 - FastAPI calls it by keyword
    times: Annotated[TaskTimes, Depends(task_times)],
    texts: Annotated[TaskTexts, Depends(task_texts)],
    tags: TagFilter,
    status: Annotated[tuple[TaskStatus, ...], Query(description="Repeated, any of them.")] = (),
    priority: Annotated[tuple[TaskPriority, ...], Query(description="Repeated, any of them.")] = (),
    assignee_id: Annotated[UUID | Me | Nothing | None, Query(description="A user, `me`, or `none`.")] = None,
    team_id: Annotated[UUID | Nothing | None, Query(description="A team, or `none`.")] = None,
    parent_id: Annotated[UUID | Nothing | None, Query(description="The subtasks of a task; `none`: of none.")] = None,
    position: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    position_after: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    position_before: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    is_overdue: Annotated[bool | None, Query(description="Due before now, neither done nor cancelled.")] = None,
    is_recurring: Annotated[bool | None, Query(description="Has a recurrence.")] = None,
    has_reminders: Annotated[bool | None, Query(description="Somebody is to be reminded of it.")] = None,
) -> TaskFilters:
    """All of them."""
    return TaskFilters(
        times=times,
        texts=texts,
        tags=tags,
        status=status,
        priority=priority,
        assignee_id=assignee_id,
        team_id=team_id,
        parent_id=parent_id,
        position=position,
        position_after=position_after,
        position_before=position_before,
        is_overdue=is_overdue,
        is_recurring=is_recurring,
        has_reminders=has_reminders,
    )


Narrowed = Annotated[TaskFilters, Depends(task_filters)]
"""The filters that only tasks have."""
