"""The rules of a tenant's settings: what it may store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from common.audit import HIDDEN, Target
from common.clock import now
from common.errors import NotFound, SettingExists, SettingInvalid, SettingsFull, VersionConflict
from database import ReadUnit, WriteUnit
from serving.visit import Visit
from settings.caching import SETTINGS
from settings.entries import queries
from settings.entries.reading import UNKNOWN, view_of
from settings.entries.schemas import SettingCreate, SettingPatch, SettingReplace
from settings.schemas import Setting
from settings.system import queries as system
from settings.values.changes import Place, Wanted, change, changes_between, take_away
from settings.values.layers import Above, check_key, choose_type
from settings.values.stored import Stored

MAX_KEYS: Final = 1_000  # with a value
MAX_KEYS_EVER: Final = 10_000  # whose versions are still counted
MAX_BYTES: Final = 1_048_576  # of all values together


async def create_setting(unit: WriteUnit, visit: Visit, payload: SettingCreate) -> Setting:
    """A value of the tenant's own. Raises SettingExists, SettingLocked, SettingInvalid or SettingsFull."""
    key = check_key(payload.key)
    above = find_above(visit, key)
    above.check_unlocked()
    await queries.lock_settings(unit)
    current = await queries.find_stored(unit, key)
    if current is not None and current.is_set:
        raise SettingExists
    return await _store(unit, visit, above, current, wanted_of(payload, above, None), key)


async def replace_setting(
    unit: WriteUnit, visit: Visit, key: str, payload: SettingReplace, expected_version: int | None
) -> Setting:
    """Set the value and all that goes with it; a key that is known above gets a value of the tenant's own."""
    above, current = await _begin(unit, visit, key, expected_version)
    return await _store(unit, visit, above, current, wanted_of(payload, above, current), key)


async def update_setting(
    unit: WriteUnit, visit: Visit, key: str, payload: SettingPatch, expected_version: int | None
) -> Setting:
    """Set the given fields."""
    above, current = await _begin(unit, visit, key, expected_version)
    values = payload.model_dump(exclude_unset=True)
    return await _store(unit, visit, above, current, _patched(values, above, current), key)


async def delete_setting(unit: WriteUnit, visit: Visit, key: str, expected_version: int | None) -> None:
    """Take the tenant's value away, so that the one above counts again. Raises NotFound where it has none."""
    _, current = await _begin(unit, visit, key, expected_version)
    if current is None or not current.is_set:
        raise NotFound("The tenant has no value of its own for this key.")
    gone = take_away(current, now(), author(visit))
    await store_rows(unit, [gone])
    audit_change(unit, current, gone)


def find_above(visit: Visit, key: str) -> Above:
    """What stands above the tenant's value, as this process knows it."""
    view = view_of(visit)
    return Above(view.find_declaration(key), view.find_system(key))


def wanted_of(payload: SettingReplace, above: Above, current: Stored | None) -> Wanted:
    """What a complete body asks for."""
    living = current.value_type if current is not None and current.is_set else None
    value_type = choose_type(payload.value_type, above.value_type, living)
    is_public = above.is_public if payload.is_public is None else payload.is_public
    return Wanted(payload.value, value_type, payload.description, is_public)


def place_of(visit: Visit, above: Above, key: str) -> Place:
    """Where a value of the tenant lies."""
    assert visit.tenant is not None
    return Place(visit.tenant.name.schema, key, above.declaration, visit.services.settings_vault)


def author(visit: Visit) -> UUID | None:
    """Who changes it; None for the platform's operator, who has no account."""
    return visit.principal.user_id if visit.principal else None


async def store_rows(unit: WriteUnit, rows: list[Stored]) -> None:
    """Store rows with their history, and have what was cached of the tenant's settings forgotten."""
    await queries.put_stored(unit, rows, unit.actor.name or unit.actor.type)
    unit.invalidate(SETTINGS)


def audit_change(unit: WriteUnit, before: Stored | None, after: Stored) -> None:
    """One entry for one key."""
    verb = "updated" if before is not None and before.is_set else "created"
    unit.audit(
        f"settings.setting.{verb if after.is_set else 'deleted'}",
        target=Target("setting", after.key, after.key),
        changes=changes_between(before, after),
    )


async def check_room(unit: ReadUnit) -> None:
    """Raise SettingsFull if what is stored now is too much."""
    living, ever, size = await queries.measure(unit)
    if living > MAX_KEYS or ever > MAX_KEYS_EVER:
        raise SettingsFull(f"A tenant may have values for {MAX_KEYS:,} keys, and may have had for {MAX_KEYS_EVER:,}.")
    if size > MAX_BYTES:
        raise SettingsFull(f"A tenant's values may have {MAX_BYTES:,} bytes in all.")


def _patched(values: Mapping[str, Any], above: Above, current: Stored | None) -> Wanted:
    living = current if current is not None and current.is_set else None
    if living is None and "value" not in values:
        raise SettingInvalid(
            "The tenant has no value of its own yet; send one.", pointer="/body/value", reason="missing"
        )
    value_type = choose_type(values.get("value_type"), above.value_type, living.value_type if living else None)
    if living is None:
        return Wanted(
            values["value"], value_type, values.get("description", ""), values.get("is_public", above.is_public)
        )
    return Wanted(
        value=values.get("value", living.value if living.secret is None else HIDDEN),
        value_type=value_type,
        description=values.get("description", living.description),
        is_public=values.get("is_public", living.is_public),
    )


async def _begin(unit: WriteUnit, visit: Visit, key: str, expected_version: int | None) -> tuple[Above, Stored | None]:
    """What is there to change, locked until COMMIT. Raises NotFound, SettingLocked or VersionConflict.

    A condition is compared with the system's version as the database has it, not as this process last heard: otherwise
    a change above that it has not heard of could make up for one that the caller has not seen. It is read before the
    unit takes its connection, because who holds one must not wait for another.
    """
    above = find_above(visit, key)
    if expected_version is not None:
        async with visit.system() as reading:
            above = Above(above.declaration, await system.find_stored(reading, key))
    await queries.lock_settings(unit)
    current = await queries.find_stored(unit, key)
    if not above.is_known and (current is None or not current.is_set):
        raise NotFound(UNKNOWN)
    above.check_unlocked()
    if expected_version not in {None, above.version + (current.version if current else 0)}:
        raise VersionConflict
    return above, current


async def _store(  # noqa: PLR0917 - what stands above, what is there, what is wanted
    unit: WriteUnit, visit: Visit, above: Above, current: Stored | None, wanted: Wanted, key: str
) -> Setting:
    row = change(place_of(visit, above, key), current, wanted, now(), author(visit))
    if row is not None:
        await store_rows(unit, [row])
        await check_room(unit)
        audit_change(unit, current, row)
    setting = view_of(visit).with_one(key, above.system, row or current)
    assert setting is not None
    return setting
