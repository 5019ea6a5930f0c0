"""``/tools/tasks``."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from common.enums import TaskPriority, TaskStatus
from dependencies import Listing, Obeyed, Read, Replying, Requires, Route, Write
from shared_auth import Principal
from shared_models import Page
from tools.records.endpoints import Filters, TagFilter
from tools.tasks import service
from tools.tasks.filters import Me, Nothing, TaskFilters
from tools.tasks.schemas import Task, TaskCreate, TaskPatch, TaskReplace

router = APIRouter(prefix="/tools/tasks", tags=["tasks"], route_class=Route)

TasksReader = Annotated[Principal, Depends(Requires("tasks:read"))]
TasksCreator = Annotated[Principal, Depends(Requires("tasks:create"))]
TasksEditor = Annotated[Principal, Depends(Requires("tasks:update"))]
TasksDeleter = Annotated[Principal, Depends(Requires("tasks:delete"))]


async def task_filters(  # noqa: PLR0917 - FastAPI calls it by keyword
    tag: TagFilter = (),
    status: Annotated[tuple[TaskStatus, ...], Query(description="Repeated, any of them.")] = (),
    priority: Annotated[tuple[TaskPriority, ...], Query(description="Repeated, any of them.")] = (),
    assignee_id: Annotated[
        UUID | Me | Nothing | None, Query(description="A user, `me`, or `none` for nobody's.")
    ] = None,
    team_id: Annotated[UUID | Nothing | None, Query(description="A team, or `none`.")] = None,
    parent_id: Annotated[UUID | Nothing | None, Query(description="The subtasks of a task; `none`: of none.")] = None,
    start_after: AwareDatetime | None = None,
    start_before: AwareDatetime | None = None,
    due_after: AwareDatetime | None = None,
    due_before: AwareDatetime | None = None,
    completed_after: AwareDatetime | None = None,
    completed_before: AwareDatetime | None = None,
    position_after: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    position_before: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    is_overdue: Annotated[bool | None, Query(description="Due before now, neither done nor cancelled.")] = None,
    is_recurring: Annotated[bool | None, Query(description="Has a recurrence.")] = None,
) -> TaskFilters:
    """The filters, read from the query."""
    return TaskFilters(
        tags=tag,
        status=status,
        priority=priority,
        assignee_id=assignee_id,
        team_id=team_id,
        parent_id=parent_id,
        start_after=start_after,
        start_before=start_before,
        due_after=due_after,
        due_before=due_before,
        completed_after=completed_after,
        completed_before=completed_before,
        position_after=position_after,
        position_before=position_before,
        is_overdue=is_overdue,
        is_recurring=is_recurring,
    )


Narrowed = Annotated[TaskFilters, Depends(task_filters)]


@router.get("", summary="List tasks")
async def list_tasks(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Read, actor: TasksReader, listing: Listing, reply: Replying, filters: Filters, narrowed: Narrowed
) -> Page[Task]:
    """Tasks you may read: those you made or are to do, those of your teams, or all, as far as your permission goes.
    `q` searches title and description. Times are exclusive. Sort by `created_at`, `updated_at`, `title`, `position`,
    `start_at`, `due_at`, `completed_at` (what has no such time comes last), `priority` or `status` (in their order)."""
    return reply.page(await service.list_tasks(unit, actor, listing, narrowed, **filters))


@router.post("", status_code=201, summary="Create a task")
async def create_task(unit: Write, actor: TasksCreator, payload: TaskCreate, reply: Replying, settings: Obeyed) -> Task:
    """The assignee must be an active user, the parent a task that you may read. Who is to do a task may read it, and
    change it as if it were his own."""
    return reply.created(await service.create_task(unit, actor, payload, settings))


@router.get("/{task_id}", summary="Get a task")
async def get_task(unit: Read, actor: TasksReader, task_id: UUID, reply: Replying) -> Task:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_task(unit, actor, task_id))


@router.put("/{task_id}", summary="Replace a task's fields")
async def replace_task(unit: Write, actor: TasksEditor, task_id: UUID, payload: TaskReplace, reply: Replying) -> Task:
    """Sets every editable field; what is left out gets its default, save `position`."""
    return reply.tag(await service.replace_task(unit, actor, task_id, payload, reply.expected_version))


@router.patch("/{task_id}", summary="Change some of a task's fields")
async def update_task(unit: Write, actor: TasksEditor, task_id: UUID, payload: TaskPatch, reply: Replying) -> Task:
    """Sets the fields given and leaves the others. `status` sets and clears `completed_at`."""
    return reply.tag(await service.update_task(unit, actor, task_id, payload, reply.expected_version))


@router.delete("/{task_id}", status_code=204, summary="Delete a task")
async def delete_task(unit: Write, actor: TasksDeleter, task_id: UUID, reply: Replying) -> None:
    """It can be restored: `?deleted=true` lists what was deleted. Its subtasks stay."""
    await service.delete_task(unit, actor, task_id, reply.expected_version)


@router.post("/{task_id}/restore", summary="Restore a deleted task")
async def restore_task(unit: Write, actor: TasksDeleter, task_id: UUID, reply: Replying) -> Task:
    """For whoever may delete it. 404 unless it is deleted."""
    return reply.tag(await service.restore_task(unit, actor, task_id))
