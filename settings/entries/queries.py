"""The SQL of a tenant's settings and of their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, Row, Text, cast, false, func, select
from sqlalchemy.dialects.postgresql import insert

from common.enums import SettingType
from common.ids import new_id
from common.paging import AnySelect, ListQuery, Order, Slice, contains, fetch_slice
from database import ReadUnit, WriteUnit
from settings.models import Setting, SettingChange
from settings.values.stored import Layer, Stored, layer_of, read_row

_changes: Any = SettingChange.__table__

HISTORY_ORDER: Final = Order(
    fields={"version": _changes.c.version, "changed_at": _changes.c.changed_at},
    identity=_changes.c.version,
    default="-version",
)
REPLACED: Final = ("version", "value_type", "value", "secret_value", "is_set", "description", "is_public")


def _columns() -> AnySelect:
    """The columns of ``Stored``. A tenant locks nothing: there is nobody below it."""
    return select(
        Setting.key,
        Setting.version,
        Setting.is_set,
        Setting.value_type,
        Setting.value,
        Setting.secret_value,
        Setting.description,
        Setting.is_public,
        false().label("is_locked"),
        Setting.updated_at,
        Setting.updated_by,
    )


async def list_stored(unit: ReadUnit) -> Layer:
    """Every row, those without a value too."""
    return layer_of((await unit.execute(_columns())).all())


async def lock_settings(unit: WriteUnit) -> None:
    """Wait for other changes of this tenant's settings. A row that is not there yet could not be locked, and their
    number and size are limited together."""
    name = func.concat(func.current_schema(), "/settings")
    await unit.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


async def find_stored(unit: ReadUnit, key: str) -> Stored | None:
    """One row."""
    row = (await unit.execute(_columns().where(Setting.key == key))).one_or_none()
    return read_row(row) if row else None


async def measure(unit: ReadUnit) -> tuple[int, int, int]:
    """How many keys have a value, how many had one ever, and how many bytes the values have."""
    size: Any = func.coalesce(func.octet_length(cast(Setting.value, Text)), 0)
    size += func.coalesce(func.octet_length(Setting.secret_value), 0)
    found = await unit.execute(
        select(
            func.count().filter(Setting.is_set).label("living"),
            func.count().label("ever"),
            func.coalesce(func.sum(size), 0).label("bytes"),
        ).select_from(Setting)
    )
    row = found.one()
    return int(row.living), int(row.ever), int(row.bytes)


async def put_stored(unit: WriteUnit, rows: Sequence[Stored], changed_by: str | None) -> None:
    """Store rows in place of those of their keys, and each as a line of its key's history."""
    statement = insert(Setting)
    replaced = {name: statement.excluded[name] for name in (*REPLACED, "updated_at", "updated_by")}
    await unit.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_=replaced),
        [
            {
                **_values(row),
                "id": new_id(),
                "description": row.description,
                "is_public": row.is_public,
                "created_at": row.updated_at,
                "updated_at": row.updated_at,
                "updated_by": row.updated_by,
            }
            for row in rows
        ],
    )
    await unit.execute(
        insert(SettingChange),
        [
            {
                **_values(row),
                "id": new_id(),
                "changed_at": row.updated_at,
                "changed_by": row.updated_by,
                "changed_by_name": changed_by,
            }
            for row in rows
        ],
    )


def _values(row: Stored) -> Mapping[str, Any]:
    has_value = row.is_set and row.value_type is not SettingType.SECRET
    return {
        "key": row.key,
        "version": row.version,
        "value_type": row.value_type,
        # JSON's null is a value like any other; SQL's is none at all.
        "value": (JSON.NULL if row.value is None else row.value) if has_value else None,
        "secret_value": row.secret,
        "is_set": row.is_set,
    }


def _select_changes(key: str) -> AnySelect:
    return select(
        SettingChange.version,
        SettingChange.is_set,
        SettingChange.value_type,
        SettingChange.value,
        SettingChange.changed_at,
        SettingChange.changed_by,
        SettingChange.changed_by_name,
    ).where(SettingChange.key == key)


async def list_changes(unit: ReadUnit, key: str, query: ListQuery) -> Slice:
    """A page of a key's history; ``q`` searches the values and who changed them."""
    statement = _select_changes(key)
    if query.q:
        statement = statement.where(contains(query.q, cast(_changes.c.value, Text), _changes.c.changed_by_name))
    return await fetch_slice(unit, statement, HISTORY_ORDER, query)


async def find_change_at(unit: ReadUnit, key: str, moment: datetime) -> Row[Any] | None:
    """The last change up to a moment."""
    statement = _select_changes(key).where(SettingChange.changed_at <= moment)
    return (await unit.execute(statement.order_by(SettingChange.version.desc()).limit(1))).one_or_none()
