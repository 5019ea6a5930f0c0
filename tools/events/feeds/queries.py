"""The SQL of calendar feeds: their rows, and what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Row, cast, delete, func, insert, or_, select

from common.paging import AnySelect, ListQuery, Order, Slice, fetch_slice
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from tools.events.kind import EVENT
from tools.events.queries import CHANGED_OCCURRENCES
from tools.models import EventFeed
from tools.records.kinds import Condition, Kind
from tools.records.queries import is_living, reach, select_records
from users import User

MAX_SHOWN: Final = 10_000  # records of each kind
_feeds: Any = EventFeed.__table__
ORDER: Final = Order({"created_at": _feeds.c.created_at}, _feeds.c.id)
_COLUMNS: Final = ("id", "user_id", "name", "scope", "events", "tasks", "created_at")
_events = EVENT.table.c


@dataclass(frozen=True, slots=True)
class Shown:
    """The records of one kind that a feed shows: those its reader may see now, and that are not long over."""

    kind: Kind
    condition: Condition
    latest: Any  # of the newest first; what is too much is the oldest


def shown_events(reader: Principal, since: datetime) -> Shown:
    """Events that are not over since then."""
    current = or_(_events.last_ends_at.is_(None), _events.last_ends_at >= since)
    return Shown(EVENT, reach(EVENT, reader, "read") & current, _events.starts_at)


def shown_todos(kind: Kind, reader: Principal, since: datetime) -> Shown:
    """What a kind says that there is to do."""
    assert kind.todos is not None
    condition = reach(kind, reader, "read") & kind.todos.is_current(since)
    return Shown(kind, condition, kind.table.c.created_at)


async def mark(unit: ReadUnit, shown: Sequence[Shown]) -> list[str]:
    """What differs whenever something else is shown: for each kind, how many there are, and a sum over the hashes of
    their ids and versions. One statement, which reads no text and makes nothing."""
    marks = []
    for one in shown:
        columns = one.kind.table.c
        # PostgreSQL 11 and newer; the sum of 64-bit numbers is exact, and does not depend on their order.
        hashed = func.uuid_hash_extended(columns.id, cast(columns.version, BigInteger))
        counted = func.concat(func.count(), ":", func.sum(hashed))
        marks.append(select(counted).where(is_living(one.kind), one.condition).scalar_subquery())
    return list((await unit.execute(select(*marks))).one())


async def list_events(unit: ReadUnit, shown: Shown) -> list[Row[Any]]:
    """The events in a feed, in one statement; who is invited, no feed tells."""
    names = ("id", "version", "created_at", "updated_at", *EVENT.columns)
    statement = select(*(_events[name] for name in names), CHANGED_OCCURRENCES)
    return await _newest(unit, statement, shown)


async def list_todos(unit: ReadUnit, shown: Shown) -> list[Row[Any]]:
    """The things to do in a feed, in one statement."""
    return await _newest(unit, select_records(shown.kind), shown)


async def _newest(unit: ReadUnit, statement: AnySelect, shown: Shown) -> list[Row[Any]]:
    wanted = statement.where(is_living(shown.kind), shown.condition)
    return list((await unit.execute(wanted.order_by(shown.latest.desc()).limit(MAX_SHOWN))).all())


async def list_feeds(unit: ReadUnit, user_id: UUID, query: ListQuery) -> Slice:
    """A page of somebody's feeds."""
    statement = _select_feeds().where(_feeds.c.user_id == user_id)
    if query.q:
        statement = statement.where(_feeds.c.name.icontains(query.q, autoescape=True))
    return await fetch_slice(unit, statement, ORDER, query)


async def find_feed(unit: ReadUnit, digest: bytes) -> Row[Any] | None:
    """The feed of a secret."""
    return (await unit.execute(_select_feeds().where(_feeds.c.digest == digest))).one_or_none()


async def find_own_feed(unit: ReadUnit, user_id: UUID, feed_id: UUID) -> Row[Any] | None:
    """One of somebody's feeds."""
    found = await unit.execute(_select_feeds().where(_feeds.c.id == feed_id, _feeds.c.user_id == user_id))
    return found.one_or_none()


def _select_feeds() -> AnySelect:
    return select(*(_feeds.c[name] for name in _COLUMNS))


async def lock_owner(unit: WriteUnit, user_id: UUID) -> None:
    """Have those stand in line who make feeds for the same user."""
    await unit.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


async def count_feeds(unit: ReadUnit, user_id: UUID) -> int:
    """How many feeds somebody has."""
    found = await unit.execute(select(func.count()).select_from(_feeds).where(_feeds.c.user_id == user_id))
    return int(found.scalar_one())


async def insert_feed(unit: WriteUnit, values: Mapping[str, Any]) -> None:
    """A new feed."""
    await unit.execute(insert(_feeds).values(**values))


async def delete_feed(unit: WriteUnit, user_id: UUID, feed_id: UUID) -> str | None:
    """End one of somebody's feeds; its name, or None if there is none."""
    ended = delete(_feeds).where(_feeds.c.id == feed_id, _feeds.c.user_id == user_id).returning(_feeds.c.name)
    return (await unit.execute(ended)).scalar_one_or_none()


async def delete_feeds(unit: WriteUnit, user_id: UUID) -> None:
    """End all of somebody's feeds: they do not come back with him."""
    await unit.execute(delete(_feeds).where(_feeds.c.user_id == user_id))
