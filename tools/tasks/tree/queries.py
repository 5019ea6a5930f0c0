"""The SQL of where a task stands among the others: above, below, before, behind; also what it shows of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from common.enums import TaskStatus
from database import ReadUnit, WriteUnit
from tools.models import Task

_tasks: Any = Task.__table__

CLOSED: Final = (TaskStatus.DONE, TaskStatus.CANCELLED)


def is_overdue() -> ColumnElement[bool]:
    """Whether a task should have been done by now."""
    columns = _tasks.c
    return func.coalesce(and_(columns.due_at < func.now(), columns.status.not_in(CLOSED)), False)


def count_subtasks() -> ColumnElement[Any]:
    """How many living parts a task has right below it, and how many of them are done."""
    part = _tasks.alias("part")
    done = func.count().filter(part.c.status == TaskStatus.DONE)
    counts = select(func.json_build_object("total", func.count(), "done", done)).where(
        part.c.parent_id == _tasks.c.id, part.c.deleted_at.is_(None)
    )
    return counts.scalar_subquery()


def find_next() -> ColumnElement[UUID]:
    """The living task that was made when this one was completed."""
    following = _tasks.alias("following")
    found = select(following.c.id).where(following.c.previous_id == _tasks.c.id, following.c.deleted_at.is_(None))
    return found.scalar_subquery()


async def lock_structure(unit: WriteUnit) -> None:
    """Wait for whoever else changes the order or the tree of this tenant's tasks.

    Taken before any row, so that two of them cannot wait for each other. What such a change depends on, others' rows,
    is read after it.
    """
    key = func.hashtextextended(func.concat(func.current_schema(), ".tasks"), 0)
    await unit.execute(select(func.pg_advisory_xact_lock(key)))


async def lock_tasks(unit: WriteUnit, task_ids: Sequence[UUID]) -> None:
    """Lock tasks until COMMIT, in the order in which everybody does who locks several."""
    chosen = select(_tasks.c.id).where(_tasks.c.id == any_(literal(list(task_ids), ARRAY(Uuid)))).order_by(_tasks.c.id)
    await unit.execute(chosen.with_for_update(key_share=True))


async def list_ancestors(unit: ReadUnit, task_id: UUID) -> set[UUID]:
    """The task and those it is a part of, deleted ones too. UNION, not UNION ALL: it would end even on a cycle."""
    above = select(_tasks.c.id, _tasks.c.parent_id).where(_tasks.c.id == task_id).cte("above", recursive=True)
    above = above.union(select(_tasks.c.id, _tasks.c.parent_id).join(above, _tasks.c.id == above.c.parent_id))
    return set((await unit.execute(select(above.c.id))).scalars())


async def find_last_position(unit: ReadUnit, status: str) -> float | None:
    """The position of the last living task of a column of the board."""
    last = select(func.max(_tasks.c.position)).where(_tasks.c.status == status, _tasks.c.deleted_at.is_(None))
    position: float | None = (await unit.execute(last)).scalar_one()
    return position
