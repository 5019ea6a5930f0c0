"""What a task may become: the rules that creating and every way of changing one share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.clock import now
from common.enums import TaskStatus
from common.errors import TaskCycle, UnknownReference, Unprocessable
from common.registry import Effective
from database import ReadUnit, WriteUnit
from serving.loading import Past
from shared_auth import Principal
from tools.records import service
from tools.records.single import find_record
from tools.tasks import queries
from tools.tasks.kind import TASK
from tools.tasks.positions import between
from tools.tasks.recurrence.service import continue_series
from tools.tasks.reminding import DEPENDS_ON, keep_reminders
from tools.tasks.tree.queries import find_last_position, list_ancestors, lock_structure


async def complete_new(unit: WriteUnit, actor: Principal, values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a new task with those that the server sets. Raises UnknownReference or Unprocessable."""
    await _check_references(unit, actor, values)
    _check_dates(values["start_at"], values["due_at"])
    made = {**values, "completed_at": now() if values["status"] == TaskStatus.DONE else None}
    if made["position"] is None:
        made["position"] = between(await find_last_position(unit, values["status"]), None)
    return made


async def complete_loaded(unit: WriteUnit, values: Mapping[str, Any], past: Past) -> dict[str, Any]:
    """The fields of a task of another system. Who it was given to may have left since; what it refers to was looked
    up. Raises Unprocessable."""
    _check_dates(values["start_at"], values["due_at"])
    is_done = values["status"] == TaskStatus.DONE
    if values["completed_at"] is not None and not is_done:
        raise Unprocessable("Only a task that is done was completed.", pointer="/body/completed_at")
    made = {**values, "completed_at": (values["completed_at"] or past.updated_at) if is_done else None}
    if made["position"] is None:
        made["position"] = between(await find_last_position(unit, values["status"]), None)
    return made


async def change_task(
    unit: WriteUnit,
    actor: Principal,
    task_id: UUID,
    values: Mapping[str, Any],
    *,
    expected_version: int | None,
    settings: Effective,
) -> None:
    """Set these fields of a task, and if that completes one of a series, make the next. Raises what ``begin_change``
    does, UnknownReference, TaskCycle or Unprocessable."""
    if values.get("parent_id") is not None:
        await lock_structure(unit)
    before = await service.begin_change(unit, TASK, actor, task_id, expected_version=expected_version)
    new = {name: value for name, value in values.items() if value != getattr(before, name)}
    await _check_references(unit, actor, new)
    if new.get("parent_id") is not None and task_id in await list_ancestors(unit, new["parent_id"]):
        raise TaskCycle(pointer="/body/parent_id")
    _check_dates(*(values.get(name, getattr(before, name)) for name in ("start_at", "due_at")))
    completion = _completion(before, values)
    await service.finish_change(unit, TASK, before, {**values, **completion})
    if new.keys() & DEPENDS_ON and (before.reminders or new.get("reminders")):
        await keep_reminders(unit, task_id)
    if completion.get("completed_at") is not None:
        await continue_series(unit, task_id, settings)


def _completion(before: Row[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """When the task was done, if that is what the change is about."""
    status = values.get("status", before.status)
    if (status == TaskStatus.DONE) == (before.status == TaskStatus.DONE):
        return {}
    return {"completed_at": now() if status == TaskStatus.DONE else None}


async def _check_references(unit: ReadUnit, actor: Principal, values: Mapping[str, Any]) -> None:
    """Raise UnknownReference unless a new assignee can act, a new team is there, and a new parent can be read."""
    assignee_id, team_id, parent_id = (values.get(name) for name in ("assignee_id", "team_id", "parent_id"))
    if assignee_id is not None and not await queries.is_active_user(unit, assignee_id):
        raise UnknownReference("There is no such active user.", pointer="/body/assignee_id")
    if team_id is not None and not await queries.is_team(unit, team_id):
        raise UnknownReference("There is no such team.", pointer="/body/team_id")
    if parent_id is not None and await find_record(unit, TASK, actor, parent_id) is None:
        raise UnknownReference("There is no such task.", pointer="/body/parent_id")


def _check_dates(start_at: Any, due_at: Any) -> None:
    if start_at is not None and due_at is not None and due_at < start_at:
        raise Unprocessable("A task cannot be due before it starts.", pointer="/body/due_at", reason="due_before_start")
