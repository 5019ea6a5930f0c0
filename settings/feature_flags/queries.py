"""The SQL of feature flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Text, cast, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert

from common.paging import AnySelect, ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import ReadUnit, WriteUnit
from settings.models import FeatureFlag, FlagSet

# By the columns' own names: the attribute of `metadata` is called `details`, since SQLAlchemy has that name taken.
_flags: Any = FeatureFlag.__table__
_sets: Any = FlagSet.__table__

ORDER: Final = Order(
    fields={
        "created_at": _flags.c.created_at,
        "updated_at": _flags.c.updated_at,
        "key": func.lower(_flags.c.key),
    },
    identity=_flags.c.id,
)


async def load_flag_set(unit: ReadUnit) -> dict[str, Any]:
    """Everything that evaluation needs, in JSON's types; one statement, so that all of it is of one version."""
    flag = func.jsonb_build_object(
        "id", FeatureFlag.id,
        "key", FeatureFlag.key,
        "state", FeatureFlag.state,
        "variants", FeatureFlag.variants,
        "default_variant", FeatureFlag.default_variant,
        "targeting", FeatureFlag.targeting,
        "metadata", FeatureFlag.details,
    )  # fmt: skip
    flags = select(func.jsonb_agg(aggregate_order_by(flag, FeatureFlag.key))).scalar_subquery()
    found = (
        await unit.execute(
            select(FlagSet.version, FlagSet.evaluators, FlagSet.details.label("metadata"), flags.label("flags"))
        )
    ).one_or_none()
    if found is None:
        return {"version": 0, "evaluators": {}, "metadata": {}, "flags": []}
    return {**found._mapping, "flags": found.flags or []}


def _shown() -> AnySelect:
    """Flags in the columns of the schema ``FeatureFlag``."""
    return select(
        FeatureFlag.id,
        FeatureFlag.key,
        FeatureFlag.state,
        FeatureFlag.variants,
        FeatureFlag.default_variant,
        FeatureFlag.targeting,
        _flags.c.metadata,
        FeatureFlag.description,
        FeatureFlag.switch_at,
        FeatureFlag.switch_to,
        FeatureFlag.last_evaluated_at,
        FeatureFlag.created_at,
        FeatureFlag.updated_at,
        FeatureFlag.updated_by,
        FeatureFlag.version,
    )


async def list_flags(unit: ReadUnit, query: ListQuery, *, state: str | None, unused_since: datetime | None) -> Slice:
    """A page of flags; with ``unused_since``, those that nobody has asked for from then on."""
    statement = _shown().where(created_within(_flags.c.created_at, query))
    if state is not None:
        statement = statement.where(FeatureFlag.state == state)
    if unused_since is not None:
        statement = statement.where(func.coalesce(FeatureFlag.last_evaluated_at, FeatureFlag.created_at) < unused_since)
    if query.q:
        statement = statement.where(contains(query.q, _flags.c.key, _flags.c.description))
    return await fetch_slice(unit, statement, ORDER, query)


async def list_all_flags(unit: ReadUnit) -> list[Row[Any]]:
    """Every flag, by key."""
    return list((await unit.execute(_shown().order_by(FeatureFlag.key))).all())


async def find_flag(unit: ReadUnit, key: str) -> Row[Any] | None:
    """One flag by its key."""
    return (await unit.execute(_shown().where(FeatureFlag.key == key))).one_or_none()


async def find_flag_by_id(unit: ReadUnit, flag_id: UUID) -> Row[Any] | None:
    """One flag by its id, which no later flag of the same key has."""
    return (await unit.execute(_shown().where(FeatureFlag.id == flag_id))).one_or_none()


async def find_set(unit: ReadUnit) -> Row[Any] | None:
    """What the flags have in common."""
    return (await unit.execute(_select_set())).one_or_none()


async def lock_set(unit: WriteUnit) -> Row[Any] | None:
    """The same, locked first by whoever changes any flag: changes of a tenant's flags come one after another."""
    return (await unit.execute(_select_set().with_for_update())).one_or_none()


async def begin_set(unit: WriteUnit, moment: datetime) -> None:
    """Make the row that ``lock_set`` locks, of version 0, unless somebody does it at this moment."""
    statement = insert(FlagSet).values(id=1, version=0, updated_at=moment)
    await unit.execute(statement.on_conflict_do_nothing())


async def bump_set(unit: WriteUnit, moment: datetime, values: Mapping[str, Any]) -> int:
    """Count the version of the whole up, and set what is given of the rest; answers the new version."""
    statement = insert(_sets).values(id=1, version=1, updated_at=moment, **values)
    replaced = {**values, "version": _sets.c.version + 1, "updated_at": moment}
    upsert = statement.on_conflict_do_update(index_elements=["id"], set_=replaced).returning(_sets.c.version)
    return int((await unit.execute(upsert)).scalar_one())


async def insert_flags(unit: WriteUnit, rows: Sequence[Mapping[str, Any]]) -> None:
    """New flags; a taken key is refused by its unique constraint. Their ``version`` begins at that of the whole, which
    no flag's own can have passed: one made again under a key has a version that the key never had."""
    await unit.execute(insert(_flags), rows)


async def update_flag(unit: WriteUnit, flag_id: UUID, values: Mapping[str, Any]) -> None:
    """Set fields and count the version up."""
    await unit.execute(update(_flags).where(_flags.c.id == flag_id).values(**values, version=_flags.c.version + 1))


async def delete_flags(unit: WriteUnit, flag_ids: Sequence[UUID]) -> None:
    """Remove flags."""
    await unit.execute(delete(FeatureFlag).where(FeatureFlag.id.in_(flag_ids)))


async def measure(unit: ReadUnit) -> tuple[int, int]:
    """How many flags there are, and how many bytes their rules and values have."""
    parts = (_flags.c.variants, _flags.c.targeting, _flags.c.metadata)
    size = sum((func.coalesce(func.octet_length(cast(part, Text)), 0) for part in parts), literal(0))
    total = func.coalesce(func.sum(size), 0).label("total")
    row = (await unit.execute(select(func.count().label("flags"), total).select_from(_flags))).one()
    return int(row.flags), int(row.total)


def _select_set() -> AnySelect:
    return select(_sets.c.version, _sets.c.evaluators, _sets.c.metadata)
