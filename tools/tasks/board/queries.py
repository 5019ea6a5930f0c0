"""The SQL of the board."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Double,
    Row,
    Text,
    Uuid,
    column,
    func,
    literal,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from common.paging import AnySelect
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from tools.records.kinds import Condition
from tools.records.queries import is_living, reach, select_records
from tools.tasks.kind import TASK

_tasks: Any = TASK.table


def _seen(actor: Principal, conditions: Iterable[Condition], *, deleted: bool) -> list[Condition]:
    return [is_living(TASK, deleted=deleted), reach(TASK, actor, "delete" if deleted else "read"), *conditions]


async def count_by_status(
    unit: ReadUnit, actor: Principal, conditions: Iterable[Condition], *, deleted: bool
) -> dict[str, int]:
    """How many tasks somebody sees in each column that is not empty."""
    seen = _seen(actor, conditions, deleted=deleted)
    counted = select(_tasks.c.status, func.count().label("tasks")).where(*seen).group_by(_tasks.c.status)
    return {row.status: row.tasks for row in (await unit.execute(counted)).all()}


async def list_columns(
    unit: ReadUnit,
    actor: Principal,
    conditions: Iterable[Condition],
    *,
    statuses: Sequence[str],
    limit: int,
    deleted: bool,
) -> Sequence[Row[Any]]:
    """The first tasks of each column, in their order: one walk down the index for each column."""
    named = func.unnest(literal(list(statuses), ARRAY(Text)))
    columns: Any = named.table_valued(column("status", Text)).render_derived("columns")
    first = (
        select_records(TASK)
        .where(*_seen(actor, conditions, deleted=deleted), _tasks.c.status == columns.c.status)
        .order_by(_tasks.c.position, _tasks.c.id)
        .limit(limit)
        .lateral("first")
    )
    shown = select(*first.c).select_from(columns.join(first, true())).order_by(first.c.position, first.c.id)
    return (await unit.execute(shown)).all()


def _places(status: str, moved: UUID) -> AnySelect:
    """Where the living tasks of a column stand, whoever may see them; without the one that is being moved."""
    return select(_tasks.c.id, _tasks.c.position).where(
        _tasks.c.status == status, _tasks.c.deleted_at.is_(None), _tasks.c.id != moved
    )


async def find_last(unit: ReadUnit, status: str, moved: UUID) -> Row[Any] | None:
    """The last task of a column."""
    last = _places(status, moved).order_by(_tasks.c.position.desc(), _tasks.c.id.desc())
    return (await unit.execute(last.limit(1))).one_or_none()


async def find_before(unit: ReadUnit, status: str, moved: UUID, place: Row[Any]) -> Row[Any] | None:
    """The task right before another."""
    smaller = tuple_(_tasks.c.position, _tasks.c.id) < tuple_(place.position, place.id)
    before = _places(status, moved).where(smaller).order_by(_tasks.c.position.desc(), _tasks.c.id.desc())
    return (await unit.execute(before.limit(1))).one_or_none()


async def list_behind(
    unit: ReadUnit, status: str, moved: UUID, place: Row[Any] | None, limit: int
) -> Sequence[Row[Any]]:
    """The tasks right behind another, or the first of the column, in their order."""
    behind = _places(status, moved).order_by(_tasks.c.position, _tasks.c.id)
    if place is not None:
        behind = behind.where(tuple_(_tasks.c.position, _tasks.c.id) > tuple_(place.position, place.id))
    return (await unit.execute(behind.limit(limit))).all()


async def set_positions(unit: WriteUnit, positions: Mapping[UUID, float]) -> None:
    """Give tasks new positions. It counts their versions up, because they answer something else now, but nobody has
    worked on them: ``updated_at`` stays."""
    pairs = func.unnest(literal(list(positions), ARRAY(Uuid)), literal(list(positions.values()), ARRAY(Double)))
    new = pairs.table_valued(column("id", Uuid), column("position", Double)).render_derived("new")
    changed = update(_tasks).where(_tasks.c.id == new.c.id)
    await unit.execute(changed.values(position=new.c.position, version=_tasks.c.version + 1))
