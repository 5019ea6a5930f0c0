"""The SQL of timelines: the same few columns of every kind, together in one list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Text, cast, func, literal, select, union_all

from common.paging import AnySelect, ListQuery, Order, Slice, bounded, contains, created_within, fetch_slice
from database import ReadUnit
from shared_auth import Principal
from tools.records.kinds import Kind
from tools.records.queries import is_living, is_one_about, reach

EXCERPT: Final = 200  # characters


def _select_items(kind: Kind, actor: Principal, query: ListQuery, *, related_type: str, related_id: str) -> AnySelect:
    columns = kind.table.c
    statement = select(
        literal(kind.name).label("kind"),
        columns.id,
        cast(columns[kind.title], Text).label("title"),
        columns[kind.text].label("text"),
        columns.created_by,
        columns.created_at,
        columns.updated_at,
    ).where(
        is_living(kind),
        reach(kind, actor, "read"),
        is_one_about(kind, related_type, related_id),
        created_within(columns.created_at, query),
    )
    return statement.where(contains(query.q, columns[kind.title], columns[kind.text])) if query.q else statement


async def list_items(
    unit: ReadUnit, actor: Principal, query: ListQuery, kinds: Sequence[Kind], *, related_type: str, related_id: str
) -> Slice:
    """A page of what somebody may read about an object. Of each kind no more is fetched than the page can have, and
    texts are cut only then."""
    asked = {"related_type": related_type, "related_id": related_id}
    parts = {kind: _select_items(kind, actor, query, **asked) for kind in kinds}
    newest = [bounded(part, _order_of(kind.table.c), query).subquery() for kind, part in parts.items()]
    items = union_all(*(select(*part.c) for part in newest)).subquery()
    shown = (column for column in items.c if column.key != "text")
    excerpt = func.coalesce(func.left(items.c.text, EXCERPT), "").label("excerpt")
    everything = union_all(*parts.values()).subquery()
    return await fetch_slice(unit, select(*shown, excerpt), _order_of(items.c), query, counted=select(everything.c.id))


def _order_of(columns: Any) -> Order:
    return Order({"created_at": columns.created_at}, columns.id)
