"""The SQL of the system's settings."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import JSON, Text, Uuid, cast, func, null, select
from sqlalchemy.dialects.postgresql import insert

from common.enums import SettingType
from common.paging import AnySelect
from database import SystemUnit
from settings.models import SystemSetting
from settings.values.stored import Layer, Stored, layer_of, read_row

REPLACED: Final = (
    "version", "value_type", "value", "secret_value", "is_set", "description", "is_public", "is_locked", "updated_at",
)  # fmt: skip


def _columns() -> AnySelect:
    """The columns of ``Stored``. Who of the operators made it so is in the platform's audit log."""
    return select(
        SystemSetting.key,
        SystemSetting.version,
        SystemSetting.is_set,
        SystemSetting.value_type,
        SystemSetting.value,
        SystemSetting.secret_value,
        SystemSetting.description,
        SystemSetting.is_public,
        SystemSetting.is_locked,
        SystemSetting.updated_at,
        cast(null(), Uuid).label("updated_by"),
    )


async def list_stored(unit: SystemUnit) -> Layer:
    """Every row, those without a value too."""
    return layer_of((await unit.execute(_columns())).all())


async def find_stored(unit: SystemUnit, key: str) -> Stored | None:
    """One row."""
    row = (await unit.execute(_columns().where(SystemSetting.key == key))).one_or_none()
    return read_row(row) if row else None


async def lock_settings(unit: SystemUnit) -> None:
    """Wait for other changes of the system's settings."""
    await unit.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("system/settings", 0))))


async def measure(unit: SystemUnit) -> tuple[int, int]:
    """How many keys have a value, and how many bytes the values have."""
    size: Any = func.coalesce(func.octet_length(cast(SystemSetting.value, Text)), 0)
    size += func.coalesce(func.octet_length(SystemSetting.secret_value), 0)
    found = await unit.execute(
        select(
            func.count().filter(SystemSetting.is_set).label("living"), func.coalesce(func.sum(size), 0).label("bytes")
        ).select_from(SystemSetting)
    )
    row = found.one()
    return int(row.living), int(row.bytes)


async def put_stored(unit: SystemUnit, row: Stored) -> None:
    """Store a row in place of the one of its key."""
    has_value = row.is_set and row.value_type is not SettingType.SECRET
    statement = insert(SystemSetting).values(
        key=row.key,
        version=row.version,
        is_set=row.is_set,
        value_type=row.value_type,
        # JSON's null is a value like any other; SQL's is none at all.
        value=(JSON.NULL if row.value is None else row.value) if has_value else None,
        secret_value=row.secret,
        description=row.description,
        is_public=row.is_public,
        is_locked=row.is_locked,
        created_at=row.updated_at,
        updated_at=row.updated_at,
    )
    replaced = {name: statement.excluded[name] for name in REPLACED}
    await unit.execute(statement.on_conflict_do_update(index_elements=["key"], set_=replaced))
