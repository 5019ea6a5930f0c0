"""The rules of changing many tasks at once: each by itself, all in one commit."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from common.errors import PermissionDenied, ServiceError
from common.registry import Effective
from database import WriteUnit
from shared_auth import Principal
from tools.tasks.bulk.schemas import BulkChange, BulkItem
from tools.tasks.changes import change_task
from tools.tasks.kind import TASK
from tools.tasks.schemas import Task
from tools.tasks.service import get_written_task
from tools.tasks.tree.queries import lock_structure, lock_tasks


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one task: either is None."""

    task_id: UUID
    task: Task | None = None
    error: ServiceError | None = None


async def change_tasks(unit: WriteUnit, actor: Principal, payload: BulkChange, settings: Effective) -> list[Outcome]:
    """Change each task that can be changed. What fails is taken back alone.

    All are locked first and in one order, so that two who change the same tasks do not wait for each other.
    """
    items = payload.each
    if any(item.changes.parent_id is not None for item in items):
        await lock_structure(unit)
    await lock_tasks(unit, [item.id for item in items])
    return [await _change(unit, actor, item, settings) for item in items]


async def _change(unit: WriteUnit, actor: Principal, item: BulkItem, settings: Effective) -> Outcome:
    values = item.changes.model_dump(exclude_unset=True)
    try:
        async with unit.savepoint():
            await change_task(unit, actor, item.id, values, expected_version=item.version, settings=settings)
    except PermissionDenied as refusal:
        unit.audit("permission.tasks.update.refused", target=TASK.target(item.id, None), outcome="failure")
        return Outcome(item.id, error=refusal)
    except ServiceError as error:
        return Outcome(item.id, error=error)
    return Outcome(item.id, task=await get_written_task(unit, item.id))
