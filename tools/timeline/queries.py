"""The SQL of timelines: the same few columns of every kind, together in one list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Text, cast, func, literal, select, union_all

from common.paging import AnySelect, ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import ReadUnit
from shared_auth import Principal
from tools.records.kinds import Kind
from tools.records.queries import is_about, is_living, reach

EXCERPT: Final = 200  # characters


def _select_items(kind: Kind, actor: Principal, query: ListQuery, *, related_type: str, related_id: str) -> AnySelect:
    columns = kind.table.c
    statement = select(
        literal(kind.name).label("kind"),
        columns.id,
        cast(columns[kind.title], Text).label("title"),
        func.coalesce(func.left(columns[kind.text], EXCERPT), "").label("excerpt"),
        columns.created_by,
        columns.created_at,
        columns.updated_at,
    ).where(is_living(kind), reach(kind, actor, "read"), is_about(kind, related_type, related_id))
    return statement.where(contains(query.q, columns[kind.title], columns[kind.text])) if query.q else statement


async def list_items(
    unit: ReadUnit, actor: Principal, query: ListQuery, kinds: Sequence[Kind], *, related_type: str, related_id: str
) -> Slice:
    """A page of what somebody may read about an object. PostgreSQL carries the cursor into each kind's part."""
    parts = (_select_items(kind, actor, query, related_type=related_type, related_id=related_id) for kind in kinds)
    items = union_all(*parts).subquery()
    statement = select(*items.c).where(created_within(items.c.created_at, query))
    return await fetch_slice(unit, statement, Order({"created_at": items.c.created_at}, items.c.id), query)
