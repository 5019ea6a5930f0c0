"""The SQL of encrypting secrets anew: nothing but the ciphertext changes, so neither version nor history do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, bindparam, select, update

from database import ReadUnit, SystemUnit, WriteUnit
from settings.models import Setting, SettingChange, SystemSetting

CHUNK: Final = 100  # rows read at once, of up to 70 kB each

Table = type[Setting] | type[SettingChange]


async def list_sealed(unit: ReadUnit, table: Table, after: UUID) -> Sequence[Row[Any]]:
    """The next secrets of a tenant by id."""
    statement = select(table.id, table.key, table.secret_value).where(table.secret_value.is_not(None), table.id > after)
    return (await unit.execute(statement.order_by(table.id).limit(CHUNK))).all()


async def put_sealed(unit: WriteUnit, table: Table, sealed: Sequence[tuple[UUID, bytes]]) -> None:
    """Store other ciphertexts of the same secrets."""
    statement = update(table).where(table.id == bindparam("row")).values(secret_value=bindparam("sealed"))
    await unit.execute(statement, [{"row": row, "sealed": data} for row, data in sealed])


async def list_system_sealed(unit: SystemUnit) -> Sequence[Row[Any]]:
    """The system's secrets; they are few."""
    statement = select(SystemSetting.key, SystemSetting.secret_value).where(SystemSetting.secret_value.is_not(None))
    return (await unit.execute(statement)).all()


async def put_system_sealed(unit: SystemUnit, key: str, sealed: bytes) -> None:
    """Store another ciphertext of the same secret."""
    await unit.execute(update(SystemSetting).where(SystemSetting.key == key).values(secret_value=sealed))
