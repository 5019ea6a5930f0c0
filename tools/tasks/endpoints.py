"""``/tools/tasks``."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from common.http.mounting import join
from dependencies import Listing, Obeyed, Read, ReplicaRead, Replying, Requires, Route, Write
from shared_auth import Principal
from shared_models import Page
from tools.records.endpoints import Filters
from tools.tasks import service
from tools.tasks.board.endpoints import router as board
from tools.tasks.bulk.endpoints import router as bulk
from tools.tasks.comments.endpoints import router as comments
from tools.tasks.filters.endpoints import Narrowed
from tools.tasks.schemas import Task, TaskCreate, TaskPatch, TaskReplace

tasks = APIRouter(prefix="/tools/tasks", tags=["tasks"], route_class=Route)

TasksReader = Annotated[Principal, Depends(Requires("tasks:read"))]
TasksCreator = Annotated[Principal, Depends(Requires("tasks:create"))]
TasksEditor = Annotated[Principal, Depends(Requires("tasks:update"))]
TasksDeleter = Annotated[Principal, Depends(Requires("tasks:delete"))]


@tasks.get("", summary="List tasks")
async def list_tasks(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead, actor: TasksReader, listing: Listing, reply: Replying, filters: Filters, narrowed: Narrowed
) -> Page[Task]:
    """Tasks you may read: those you made or are to do, those of your teams, or all, as far as your permission goes.
    `q` searches title and description. Times are exclusive. Sort by `created_at`, `updated_at`, `title`, `position`,
    `start_at`, `due_at`, `completed_at` (what has no such time comes last), `priority` or `status` (in their order)."""
    return reply.page(await service.list_tasks(unit, actor, listing, narrowed, **filters))


@tasks.post("", status_code=201, summary="Create a task")
async def create_task(unit: Write, actor: TasksCreator, payload: TaskCreate, reply: Replying, settings: Obeyed) -> Task:
    """The assignee must be an active user, the parent a task that you may read. Who is to do a task may read it, and
    change it as if it were his own."""
    return reply.created(await service.create_task(unit, actor, payload, settings))


@tasks.get("/{task_id}", summary="Get a task")
async def get_task(unit: Read, actor: TasksReader, task_id: UUID, reply: Replying) -> Task:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_task(unit, actor, task_id))


@tasks.put("/{task_id}", summary="Replace a task's fields")
async def replace_task(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write, actor: TasksEditor, task_id: UUID, payload: TaskReplace, reply: Replying, settings: Obeyed
) -> Task:
    """Sets every editable field; what is left out gets its default, save `position`."""
    return reply.tag(
        await service.change_task(
            unit, actor, task_id, payload, expected_version=reply.expected_version, settings=settings
        )
    )


@tasks.patch("/{task_id}", summary="Change some of a task's fields")
async def update_task(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write, actor: TasksEditor, task_id: UUID, payload: TaskPatch, reply: Replying, settings: Obeyed
) -> Task:
    """Sets the fields given and leaves the others. `status` sets and clears `completed_at`; the first completion of a
    task with a `recurrence` makes the next one."""
    return reply.tag(
        await service.change_task(
            unit, actor, task_id, payload, expected_version=reply.expected_version, settings=settings
        )
    )


@tasks.delete("/{task_id}", status_code=204, summary="Delete a task")
async def delete_task(unit: Write, actor: TasksDeleter, task_id: UUID, reply: Replying) -> None:
    """It can be restored: `?deleted=true` lists what was deleted. Its subtasks stay."""
    await service.delete_task(unit, actor, task_id, reply.expected_version)


@tasks.post("/{task_id}/restore", summary="Restore a deleted task")
async def restore_task(unit: Write, actor: TasksDeleter, task_id: UUID, reply: Replying) -> Task:
    """For whoever may delete it. 404 unless it is deleted."""
    return reply.tag(await service.restore_task(unit, actor, task_id))


router = join((board, bulk, comments, tasks))  # the last would take the others' names for an id
