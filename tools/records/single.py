"""The SQL of one record. Each statement is written once, for a kind and for everybody who has the same rights to it:
putting one together takes longer than running it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, Uuid, bindparam, insert, select, update

from common.postgresql.execution import Written
from database import ReadUnit, WriteUnit
from shared_auth import Level, Principal
from tools.records.kinds import KINDS, Kind
from tools.records.queries import is_living, reach, select_records, visible

ROLES: Final = 4096  # combinations of rights, of all tenants, whose statements are kept
FIELDS: Final = 1024  # combinations of columns
NEW: Final = "new_"  # before the names of values: a column's own name is taken in SET and VALUES

Rights = tuple[tuple[str, Level | None], ...]
"""Which of some permissions somebody has, and at which level."""

_record_id: Any = bindparam("record_id", type_=Uuid())


def rights_of(actor: Principal, kind: Kind, action: str) -> Rights:
    """All that decides which records of a kind somebody may read, and do an action to."""
    return tuple((name, actor.permissions.get(name)) for name in _deciding(kind, action))


@cache
def _deciding(kind: Kind, action: str) -> tuple[str, ...]:
    kinds = [kind] if kind.reach is None else KINDS.values()  # a rule of its own may look at other kinds' rights
    return tuple(sorted(item.needs(needed) for item in kinds for needed in {"read", "update", action}))


class _Permissions(Mapping[str, Level]):
    """The permissions of whoever has these rights. Asking for others is a defect: they would be taken for missing."""

    def __init__(self, rights: Rights) -> None:
        self._known = dict(rights)

    def __getitem__(self, name: str) -> Level:
        assert name in self._known, f"{name} is not among the rights that the statement is written for"
        level = self._known[name]
        if level is None:
            raise KeyError(name)
        return level

    def __iter__(self) -> Iterator[str]:
        return (name for name, level in self._known.items() if level is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Anybody:
    """Whoever has these rights, as far as statements ask: there is nothing else of him."""

    user_id: Any = bindparam("actor_id", type_=Uuid())

    def __init__(self, rights: Rights) -> None:
        self.permissions = _Permissions(rights)


async def find_record(unit: ReadUnit, kind: Kind, actor: Principal, record_id: UUID) -> Row[Any] | None:
    """One living record that somebody may read."""
    finding = _finding(kind, rights_of(actor, kind, "read"))
    return (await unit.execute(finding, {"record_id": record_id, "actor_id": actor.user_id})).one_or_none()


async def find_any_record(unit: ReadUnit, kind: Kind, record_id: UUID) -> Row[Any] | None:
    """One record, whoever may read it and whether or not it is deleted."""
    return (await unit.execute(_finding_any(kind), {"record_id": record_id})).one_or_none()


async def lock_record(
    unit: WriteUnit, kind: Kind, actor: Principal, record_id: UUID, action: str, *, deleted: bool = False
) -> Row[Any] | None:
    """Version and reach of a record that exists for somebody, locked until COMMIT. What its statement finds elsewhere,
    such as links, may be older than the lock: whoever is to change it reads it in the next statement."""
    locking = _locking(kind, rights_of(actor, kind, action), action, deleted)
    return (await unit.execute(locking, {"record_id": record_id, "actor_id": actor.user_id})).one_or_none()


async def insert_record(unit: WriteUnit, kind: Kind, values: Mapping[str, Any]) -> None:
    """A new record."""
    await unit.execute(_inserting(kind, tuple(sorted(values))), _renamed(values))


async def update_record(
    unit: WriteUnit, kind: Kind, record_id: UUID, values: Mapping[str, Any], moment: datetime
) -> None:
    """Set fields and count the version up."""
    every = {**values, "updated_at": moment}
    await unit.execute(_updating(kind, tuple(sorted(every))), {"record_id": record_id, **_renamed(every)})


@lru_cache(ROLES)
def _finding(kind: Kind, rights: Rights) -> Written:
    conditions = (kind.table.c.id == _record_id, is_living(kind), reach(kind, _anybody_with(rights), "read"))
    return Written(select_records(kind).where(*conditions))


@cache
def _finding_any(kind: Kind) -> Written:
    return Written(select_records(kind).where(kind.table.c.id == _record_id))


@lru_cache(ROLES)
def _locking(kind: Kind, rights: Rights, action: str, deleted: bool) -> Written:
    columns, anybody = kind.table.c, _anybody_with(rights)
    return Written(
        select(columns.version, reach(kind, anybody, action).label("reached"))
        .where(columns.id == _record_id, is_living(kind, deleted=deleted), visible(kind, anybody, action))
        .with_for_update(of=kind.table, key_share=True)
    )


@lru_cache(FIELDS)
def _inserting(kind: Kind, names: tuple[str, ...]) -> Written:
    return Written(insert(kind.table).values(_new(kind, names)))


@lru_cache(FIELDS)
def _updating(kind: Kind, names: tuple[str, ...]) -> Written:
    columns = kind.table.c
    values = {**_new(kind, names), "version": columns.version + 1}
    return Written(update(kind.table).where(columns.id == _record_id).values(values))


def _new(kind: Kind, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: bindparam(NEW + name, type_=kind.table.c[name].type) for name in names}


def _renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {NEW + name: value for name, value in values.items()}


def _anybody_with(rights: Rights) -> Principal:
    return cast("Principal", _Anybody(rights))
