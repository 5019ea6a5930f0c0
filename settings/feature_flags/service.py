"""The rules of single feature flags.

Whoever changes a flag locks the set's row first, so that the version of the whole counts every change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.audit import differences
from common.clock import now
from common.enums import FlagState
from common.errors import NotFound, VersionConflict
from common.ids import new_id
from common.paging import ListQuery
from database import ReadUnit, WriteUnit
from settings.feature_flags import queries
from settings.feature_flags.checks import check_flag, check_key
from settings.feature_flags.faults import Faults
from settings.feature_flags.rules import RuleCheck
from settings.feature_flags.schemas import FeatureFlag, FlagCreate, FlagPatch, FlagReplace
from settings.feature_flags.writing import check_room, flag_target, note_change, schedule_switch, stored_fields
from shared_auth import Principal
from shared_models import Page, page_of

LATEST_SWITCH: Final = timedelta(days=3_650)


async def list_flags(
    unit: ReadUnit, query: ListQuery, *, state: FlagState | None, stale_days: int | None
) -> Page[FeatureFlag]:
    """A page of flags."""
    unused_since = None if stale_days is None else now() - timedelta(days=stale_days)
    found = await queries.list_flags(unit, query, state=state, unused_since=unused_since)
    return page_of(FeatureFlag, found)


async def get_flag(unit: ReadUnit, key: str) -> FeatureFlag:
    """One flag. Raises NotFound."""
    return FeatureFlag.model_validate(await _get_row(unit, key))


async def create_flag(unit: WriteUnit, actor: Principal, payload: FlagCreate) -> FeatureFlag:
    """A new flag. Raises FlagExists, FlagsFull, or FlagsInvalid with everything that is wrong with it."""
    shared, moment = await queries.lock_set(unit), now()
    values = payload.model_dump(exclude={"key"})
    _check(values, {}, shared, moment, key=payload.key)
    flag_id, stamp = new_id(), {"created_at": moment, "updated_at": moment, "updated_by": actor.user_id}
    target = flag_target(flag_id, payload.key)
    version = await note_change(unit, moment, target, "flag.created", differences({}, values))
    await queries.insert_flags(unit, [{**values, **stamp, "id": flag_id, "key": payload.key, "version": version}])
    await check_room(unit)
    schedule_switch(unit, flag_id, {}, values)
    return await get_flag(unit, payload.key)


async def replace_flag(
    unit: WriteUnit, actor: Principal, key: str, payload: FlagReplace, expected_version: int | None
) -> FeatureFlag:
    """Set all editable fields."""
    return await _change(unit, actor, key, payload.model_dump(), expected_version)


async def update_flag(
    unit: WriteUnit, actor: Principal, key: str, payload: FlagPatch, expected_version: int | None
) -> FeatureFlag:
    """Set the given fields. Without a time, a scheduled switch has no state either."""
    values = payload.model_dump(exclude_unset=True)
    if "switch_at" in values and values["switch_at"] is None:
        values.setdefault("switch_to", None)
    return await _change(unit, actor, key, values, expected_version)


async def toggle_flag(unit: WriteUnit, actor: Principal, key: str, expected_version: int | None) -> FeatureFlag:
    """Turn a flag on if it is off, and off if it is on."""
    shared = await queries.lock_set(unit)
    before = await _get_row(unit, key, expected_version)
    state = FlagState.DISABLED if before.state == FlagState.ENABLED else FlagState.ENABLED
    return await _store(unit, actor, before, {"state": state}, shared)


async def delete_flag(unit: WriteUnit, key: str, expected_version: int | None) -> None:
    """Remove a flag; who asks for it gets what the asking code has for a default."""
    await queries.lock_set(unit)
    row = await _get_row(unit, key, expected_version)
    await queries.delete_flags(unit, [row.id])
    before = stored_fields(row)
    changes = differences(before, dict.fromkeys(before))
    await note_change(unit, now(), flag_target(row.id, row.key), "flag.deleted", changes)


async def apply_switch(unit: WriteUnit, flag_id: UUID, *, switch_at: datetime, switch_to: str) -> None:
    """Give a flag the state that was scheduled for it. Nothing, when it was scheduled anew since then, or not at all,
    or has been switched already."""
    await queries.lock_set(unit)
    row = await queries.find_flag_by_id(unit, flag_id)
    if row is None or (row.switch_at, row.switch_to) != (switch_at, switch_to):
        return
    moment, values = now(), {"state": switch_to, "switch_at": None, "switch_to": None}
    await queries.update_flag(unit, flag_id, {**values, "updated_by": None, "updated_at": moment})
    changes = differences(stored_fields(row), values)
    await note_change(unit, moment, flag_target(row.id, row.key), "flag.switched", changes)


async def _change(
    unit: WriteUnit, actor: Principal, key: str, values: Mapping[str, Any], expected_version: int | None
) -> FeatureFlag:
    shared = await queries.lock_set(unit)
    before = await _get_row(unit, key, expected_version)
    return await _store(unit, actor, before, values, shared)


async def _store(
    unit: WriteUnit, actor: Principal, row: Row[Any], values: Mapping[str, Any], shared: Row[Any] | None
) -> FeatureFlag:
    before, moment = stored_fields(row), now()
    after = {**before, **values}
    _check(after, before, shared, moment)
    changes = differences(before, after)
    if changes:
        written = {change.path: after[change.path] for change in changes}
        await queries.update_flag(unit, row.id, {**written, "updated_by": actor.user_id, "updated_at": moment})
        if not written.keys().isdisjoint({"variants", "targeting", "metadata"}):
            await check_room(unit)
        schedule_switch(unit, row.id, before, after)
        await note_change(unit, moment, flag_target(row.id, row.key), "flag.updated", changes)
    return await get_flag(unit, row.key)


async def _get_row(unit: ReadUnit, key: str, expected_version: int | None = None) -> Row[Any]:
    row = await queries.find_flag(unit, key)
    if row is None:
        raise NotFound("There is no such feature flag.")
    if expected_version not in {None, row.version}:
        raise VersionConflict
    return row


def _check(
    after: dict[str, Any],
    before: Mapping[str, Any],
    shared: Row[Any] | None,
    moment: datetime,
    *,
    key: str | None = None,
) -> None:
    """Raise FlagsInvalid with everything that is wrong with a flag as it would be."""
    faults = Faults()
    if key is not None:
        check_key(key, ("body", "key"), faults)
    check_flag(after, ("body",), faults, RuleCheck(shared.evaluators if shared else {}, faults))
    _check_switch(after, before, moment, faults)
    faults.raise_if_any()


def _check_switch(after: dict[str, Any], before: Mapping[str, Any], moment: datetime, faults: Faults) -> None:
    switch_at, switch_to = after["switch_at"], after["switch_to"]
    if (switch_at is None) != (switch_to is None):
        message = "A scheduled switch needs both its time and its state."
        faults.add(("body", "switch_at" if switch_at is None else "switch_to"), "switch_incomplete", message)
    elif switch_at is not None and switch_at != before.get("switch_at"):
        if moment < switch_at <= moment + LATEST_SWITCH:
            after["switch_at"] = switch_at.astimezone(UTC)
        else:
            message = f"A switch can be scheduled for the next {LATEST_SWITCH.days} days."
            faults.add(("body", "switch_at"), "switch_out_of_range", message)
