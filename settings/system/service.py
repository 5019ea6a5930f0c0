"""The rules of the system's settings, which the platform's operator sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from common.audit import HIDDEN, Change, Target
from common.clock import now
from common.errors import NotFound, SettingsFull, VersionConflict
from common.paging import ListQuery
from database import SYSTEM_SCHEMA, SystemUnit
from serving.visit import Visit
from settings.caching import SETTINGS
from settings.entries.paging import finds, page_by_key
from settings.system import queries
from settings.system.schemas import SystemSetting, SystemSettingReplace
from settings.values.changes import Place, Wanted, change, changes_between, take_away
from settings.values.layers import Above, check_key, choose_type
from settings.values.stored import Stored
from shared_models import Page

MAX_KEYS: Final = 1_000
MAX_BYTES: Final = 1_048_576  # every process keeps them all


async def list_settings(visit: Visit, query: ListQuery) -> Page[SystemSetting]:
    """A page of the keys that have a value."""
    async with visit.system() as unit:
        layer = await queries.list_stored(unit)
    found = [_shape(row) for _, row in sorted(layer.items()) if row.is_set and finds(query, row.key, row.description)]
    return page_by_key(found, lambda setting: setting.key, query)


async def get_setting(visit: Visit, key: str) -> SystemSetting:
    """One of them. Raises NotFound."""
    async with visit.system() as unit:
        return _shape(_living(await queries.find_stored(unit, key)))


async def put_setting(
    visit: Visit, key: str, payload: SystemSettingReplace, expected_version: int | None
) -> SystemSetting:
    """Set a value for every tenant. Raises SettingInvalid, SettingsFull or VersionConflict."""
    check_key(key, "/path/key")
    async with visit.system(read_only=False) as unit:
        await queries.lock_settings(unit)
        current = await queries.find_stored(unit, key)
        _check_version(current, expected_version)
        above = Above(visit.services.registry.get(key), None)
        place = Place(SYSTEM_SCHEMA, key, above.declaration, visit.services.settings_vault)
        row = change(place, current, _wanted(payload, above, current), now(), None)
        if row is not None:
            verb = "updated" if current is not None and current.is_set else "created"
            await _store(unit, row, verb, changes_between(current, row))
            await _check_room(unit)
    stored = row or current
    assert stored is not None
    return _shape(stored)


async def delete_setting(visit: Visit, key: str, expected_version: int | None) -> None:
    """Take a value away, and the lock with it. Raises NotFound or VersionConflict."""
    async with visit.system(read_only=False) as unit:
        await queries.lock_settings(unit)
        current = _living(await queries.find_stored(unit, key))
        _check_version(current, expected_version)
        gone = take_away(current, now(), None)
        await _store(unit, gone, "deleted", changes_between(current, gone))


async def _store(unit: SystemUnit, row: Stored, verb: str, changes: Sequence[Change]) -> None:
    await queries.put_stored(unit, row)
    unit.audit(f"settings.system_setting.{verb}", target=Target("system_setting", row.key, row.key), changes=changes)
    unit.invalidate(SETTINGS)


async def _check_room(unit: SystemUnit) -> None:
    living, size = await queries.measure(unit)
    if living > MAX_KEYS or size > MAX_BYTES:
        raise SettingsFull(f"The system may have values for {MAX_KEYS:,} keys, of {MAX_BYTES:,} bytes in all.")


def _wanted(payload: SystemSettingReplace, above: Above, current: Stored | None) -> Wanted:
    living = current.value_type if current is not None and current.is_set else None
    return Wanted(
        value=payload.value,
        value_type=choose_type(payload.value_type, above.value_type, living),
        description=payload.description,
        is_public=above.is_public if payload.is_public is None else payload.is_public,
        is_locked=payload.is_locked,
    )


def _living(row: Stored | None) -> Stored:
    if row is None or not row.is_set:
        raise NotFound("The system has no value for this key.")
    return row


def _check_version(current: Stored | None, expected_version: int | None) -> None:
    if expected_version not in {None, current.version if current else 0}:
        raise VersionConflict


def _shape(row: Stored) -> SystemSetting:
    return SystemSetting(
        key=row.key,
        value=row.value if row.secret is None else HIDDEN,
        value_type=row.value_type,
        description=row.description,
        is_public=row.is_public,
        is_locked=row.is_locked,
        version=row.version,
        updated_at=row.updated_at,
    )
