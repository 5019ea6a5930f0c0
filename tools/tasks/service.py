"""The life of a task."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from common.paging import ListQuery
from common.registry import Effective
from database import ReadUnit, WriteUnit
from serving.loading import Line, Loading
from shared_auth import Principal
from shared_models import Page, page_of
from tools.records import queries as records
from tools.records import service
from tools.records.schemas import fields_of
from tools.tasks import changes
from tools.tasks.filters.queries import ORDER, filter_conditions
from tools.tasks.filters.schemas import TaskFilters
from tools.tasks.kind import TASK
from tools.tasks.recurrence.service import continue_series
from tools.tasks.reminding import keep_reminders
from tools.tasks.schemas import Task, TaskCreate, TaskPatch, TaskReplace


async def list_tasks(
    unit: ReadUnit, actor: Principal, query: ListQuery, filters: TaskFilters, *, deleted: bool, **common: Any
) -> Page[Task]:
    """A page of tasks."""
    conditions = [
        *records.record_conditions(TASK, query, tags=filters.tags, **common),
        *filter_conditions(filters, actor),
    ]
    found = await records.list_records(unit, TASK, actor, query, order=ORDER, conditions=conditions, deleted=deleted)
    return page_of(Task, found)


async def get_task(unit: ReadUnit, actor: Principal, task_id: UUID) -> Task:
    """One task. Raises NotFound."""
    return Task.model_validate(await service.get_record(unit, TASK, actor, task_id))


async def get_written_task(unit: ReadUnit, task_id: UUID) -> Task:
    """A task that the actor has just written."""
    return Task.model_validate(await service.get_written(unit, TASK, task_id))


async def create_task(unit: WriteUnit, actor: Principal, payload: TaskCreate, settings: Effective) -> Task:
    """A new task. Raises UnknownReference or Unprocessable."""
    values = await changes.complete_new(unit, actor, payload.model_dump())
    task_id = await service.create_record(unit, TASK, values, settings, created_by=actor.user_id)
    if values["reminders"]:
        await keep_reminders(unit, task_id)
    if values["completed_at"] is not None:
        await continue_series(unit, task_id, settings)
    return await get_written_task(unit, task_id)


async def load_task(unit: WriteUnit, loading: Loading, line: Line) -> None:
    """A task of another system. One of a series that is done has its next one over there already."""
    settings, past = loading.visit.settings, line.past
    values = await changes.complete_loaded(unit, line.payload.model_dump(), past)
    await service.create_record(unit, TASK, values, settings, created_by=past.created_by, past=past)
    if values["reminders"]:
        await keep_reminders(unit, past.id)


async def change_task(
    unit: WriteUnit,
    actor: Principal,
    task_id: UUID,
    payload: TaskReplace | TaskPatch,
    *,
    expected_version: int | None,
    settings: Effective,
) -> Task:
    """Set all editable fields, without a position all but that; or those of a patch."""
    values = fields_of(payload)
    if payload.position is None:
        values.pop("position", None)
    await changes.change_task(unit, actor, task_id, values, expected_version=expected_version, settings=settings)
    return await get_written_task(unit, task_id)


async def delete_task(unit: WriteUnit, actor: Principal, task_id: UUID, expected_version: int | None) -> None:
    """Delete a task, which can be restored. Its subtasks stay, and are below it again when it is."""
    before = await service.delete_record(unit, TASK, actor, task_id, expected_version)
    if before.reminders:
        await keep_reminders(unit, task_id)


async def restore_task(unit: WriteUnit, actor: Principal, task_id: UUID) -> Task:
    """Bring a deleted task back."""
    before = await service.restore_record(unit, TASK, actor, task_id)
    if before.reminders:
        await keep_reminders(unit, task_id)
    return await get_written_task(unit, task_id)
