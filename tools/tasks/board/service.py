"""The rules of the board. A position is found under a lock, so that of many who drag at once nobody loses his place.

Where a task stands in its column is the same for everybody, also between two whom the mover may not see.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.audit import Change, Target
from common.enums import TaskStatus
from common.errors import Conflict, UnknownReference
from common.registry import Effective
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from tools.records import queries as records
from tools.records.service import get_record
from tools.records.single import find_record
from tools.tasks.board import queries
from tools.tasks.board.schemas import Board, BoardColumn, BoardQuery, TaskMove
from tools.tasks.changes import change_task
from tools.tasks.filters.queries import filter_conditions
from tools.tasks.filters.schemas import TaskFilters
from tools.tasks.kind import TASK
from tools.tasks.positions import between, spread
from tools.tasks.schemas import Task
from tools.tasks.tree.queries import lock_structure, lock_tasks

FIRST_SPREAD: Final = 16  # neighbours that make room, and four times as many if that is not enough


async def get_board(
    unit: ReadUnit, actor: Principal, query: BoardQuery, filters: TaskFilters, *, deleted: bool, **common: Any
) -> Board:
    """The board: two statements, whatever its size."""
    conditions = [
        *records.record_conditions(TASK, query, tags=filters.tags, **common),
        *filter_conditions(filters, actor),
    ]
    statuses = [status for status in TaskStatus if not filters.status or status in filters.status]
    counts = await queries.count_by_status(unit, actor, conditions, deleted=deleted)
    rows = await queries.list_columns(unit, actor, conditions, statuses=statuses, limit=query.limit, deleted=deleted)
    columns = [
        BoardColumn(
            status=status,
            count=counts.get(status, 0),
            tasks=[Task.model_validate(row) for row in rows if row.status == status],
        )
        for status in statuses
    ]
    return Board(columns=columns)


async def move_task(
    unit: WriteUnit,
    actor: Principal,
    task_id: UUID,
    payload: TaskMove,
    *,
    expected_version: int | None,
    settings: Effective,
) -> None:
    """Put a task into its place. Raises what a change does, UnknownReference for a neighbour that the actor cannot
    read, or Conflict for one that is in another column by now."""
    await lock_structure(unit)
    task = await get_record(unit, TASK, actor, task_id)
    status = payload.model_dump(exclude_unset=True).get("status", task.status)
    left = await _find_left(unit, actor, task_id, status, payload)
    position = await _find_position(unit, task, status, left)
    values = {"status": status, "position": position}
    await change_task(unit, actor, task_id, values, expected_version=expected_version, settings=settings)


async def _find_left(
    unit: ReadUnit, actor: Principal, task_id: UUID, status: str, payload: TaskMove
) -> Row[Any] | None:
    """The task behind which the moved one is to stand; None if it is to be the first."""
    if payload.after_id is not None:
        return await _get_neighbour(unit, actor, task_id, status, after_id=payload.after_id)
    if payload.before_id is not None:
        right = await _get_neighbour(unit, actor, task_id, status, before_id=payload.before_id)
        return await queries.find_before(unit, status, task_id, right)
    return await queries.find_last(unit, status, task_id)


async def _get_neighbour(unit: ReadUnit, actor: Principal, task_id: UUID, status: str, **named: UUID) -> Row[Any]:
    ((field, neighbour_id),) = named.items()
    neighbour = await find_record(unit, TASK, actor, neighbour_id)
    if neighbour is None or neighbour_id == task_id:
        raise UnknownReference("There is no such other task.", pointer=f"/body/{field}")
    if neighbour.status != status:
        raise Conflict("That task is in another column by now. Read the board again, then repeat the move.")
    return neighbour


async def _find_position(unit: WriteUnit, task: Row[Any], status: str, left: Row[Any] | None) -> float:
    behind = await queries.list_behind(unit, status, task.id, left, 1)
    right = behind[0] if behind else None
    is_behind = left is None or _place(left) < _place(task)
    is_before = right is None or _place(task) < _place(right)
    if task.status == status and is_behind and is_before:
        return float(task.position)  # it stands there already
    found = between(left.position if left else None, right.position if right else None)
    if found is not None:
        return found
    assert left is not None  # only two can be too close
    return await _make_room(unit, task.id, status, left)


async def _make_room(unit: WriteUnit, task_id: UUID, status: str, left: Row[Any]) -> float:
    """Move as many of the following tasks away as it takes, and answer the position that becomes free."""
    count = FIRST_SPREAD
    while True:
        behind = await queries.list_behind(unit, status, task_id, left, count + 1)
        behind, beyond = behind[:count], behind[count:]
        positions = spread(len(behind) + 1, left.position, beyond[0].position if beyond else None)
        if positions is not None:
            break
        count *= 4
    ids = [row.id for row in behind]
    await lock_tasks(unit, [task_id, *ids])
    await queries.set_positions(unit, dict(zip(ids, positions[1:], strict=True)))
    unit.audit("tools.task.reordered", target=Target("board", status), changes=[Change("positions", None, len(ids))])
    return positions[0]


def _place(row: Row[Any]) -> tuple[float, UUID]:
    return row.position, row.id
