"""All flags as one flagd document, out and in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.audit import Change, Target, differences
from common.clock import now
from common.errors import VersionConflict
from common.http.problems import write_pointer
from common.ids import new_id
from database import ReadUnit, WriteUnit
from settings.feature_flags import queries
from settings.feature_flags.checks import (
    FLAGD_NAMES,
    MAX_DESCRIPTION,
    MAX_EVALUATORS,
    MAX_FLAGS,
    MAX_NAME,
    MAX_SET_BYTES,
    check_flag,
    check_key,
    check_metadata,
    check_state,
)
from settings.feature_flags.faults import Faults, Path, check_json, size_of
from settings.feature_flags.rules import RuleCheck
from settings.feature_flags.schemas import FlagDefinition, StoredDefinition
from settings.feature_flags.writing import note_change, stored_fields
from shared_auth import Principal

# A flag's members in the document, and the columns they are for. flagd knows no description, but does not mind one.
MEMBERS: Final = {
    "state": "state",
    "variants": "variants",
    "defaultVariant": "default_variant",
    "targeting": "targeting",
    "metadata": "metadata",
    "description": "description",
}
REQUIRED: Final = ("state", "variants")
TARGET: Final = Target("feature_flags", "definition")

Fields = dict[str, Any]


async def get_definition(unit: ReadUnit) -> StoredDefinition:
    """The whole set; empty and of version 0 where there never was a flag."""
    shared = await queries.find_set(unit)
    flags = {row.key: _write_flag(row) for row in await queries.list_all_flags(unit)}
    return StoredDefinition.model_validate(
        {
            "flags": flags,
            "$evaluators": shared.evaluators if shared else {},
            "metadata": shared.metadata if shared else {},
            "version": shared.version if shared else 0,
        }
    )


async def replace_definition(
    unit: WriteUnit, actor: Principal, payload: FlagDefinition, expected_version: int | None
) -> StoredDefinition:
    """Make the document the whole set: flags that it lacks are deleted, the others keep what it does not tell of, such
    as their scheduled switches. Raises FlagsInvalid with all its faults, and then stores nothing of it."""
    flags = await asyncio.to_thread(read_definition, payload)  # a third of a second for the largest
    moment = now()
    shared = await queries.lock_set(unit)
    if shared is None:
        await queries.begin_set(unit, moment)
        shared = await queries.lock_set(unit)
        assert shared is not None
    if expected_version not in {None, shared.version}:
        raise VersionConflict
    changes = await _store_flags(unit, actor.user_id, flags, moment, shared.version + 1)
    values = {"evaluators": payload.evaluators, "metadata": payload.metadata}
    changed = differences(dict(shared._mapping), values)
    changes += [Change(_path("$evaluators" if c.path == "evaluators" else c.path), c.old, c.new) for c in changed]
    if changes or shared.version == 0:
        await note_change(unit, moment, TARGET, "flags.replaced", changes, **values)
    return await get_definition(unit)


def read_definition(payload: FlagDefinition) -> dict[str, Fields]:
    """The columns of each flag in a document. Raises FlagsInvalid with everything that is wrong with it."""
    faults = Faults()
    rules = _check_shared(payload, faults)
    if len(payload.flags) > MAX_FLAGS:
        faults.add(("body", "flags"), "flags_full", f"A tenant has at most {MAX_FLAGS} feature flags.")
    flags = {key: _read_flag(key, flag, rules, faults) for key, flag in payload.flags.items()}
    faults.raise_if_any()
    if size_of([payload.flags, payload.evaluators]) > MAX_SET_BYTES:
        faults.add(("body",), "flags_full", f"The document may have at most {MAX_SET_BYTES} bytes.")
        faults.raise_if_any()
    return flags


def _check_shared(payload: FlagDefinition, faults: Faults) -> RuleCheck:
    place: Path = ("body", "$evaluators")
    check_json(payload.evaluators, place, faults)
    check_json(payload.metadata, ("body", "metadata"), faults)
    faults.raise_if_any()
    check_metadata(payload.metadata, ("body", "metadata"), faults)
    if len(payload.evaluators) > MAX_EVALUATORS:
        faults.add(place, "flags_full", f"A tenant has at most {MAX_EVALUATORS} shared rules.")
    rules = RuleCheck(payload.evaluators, faults)
    for name, rule in payload.evaluators.items():
        if not 1 <= len(name) <= MAX_NAME:
            faults.add((*place, name), "rule_form", f"A shared rule's name has 1 to {MAX_NAME} characters.")
        rules.check(rule, (*place, name))
    return rules


def _read_flag(key: str, flag: Any, rules: RuleCheck, faults: Faults) -> Fields:
    place: Path = ("body", "flags", key)
    check_key(key, place, faults)
    if not isinstance(flag, dict):
        faults.add(place, "flag_form", "A flag must be an object.")
        return {}
    for name in flag.keys() - MEMBERS.keys():
        faults.add((*place, name), "extra_forbidden", "A flag has no such member.")
    missing = [name for name in REQUIRED if name not in flag]
    for name in missing:
        faults.add((*place, name), "missing", "A flag needs this member.")
    if missing:
        return {}
    fields = {column: flag[name] for name, column in MEMBERS.items() if name in flag}
    fields = {"default_variant": None, "targeting": None, "metadata": {}, **fields}
    before = faults.count
    check_state(fields["state"], (*place, "state"), faults)
    _check_texts(fields, place, faults)
    if faults.count == before:
        check_flag(fields, place, faults, rules, FLAGD_NAMES)
    return fields


def _check_texts(fields: Fields, place: Path, faults: Faults) -> None:
    description, variant = fields.get("description", ""), fields["default_variant"]
    if not isinstance(description, str) or len(description) > MAX_DESCRIPTION:
        faults.add((*place, "description"), "description_wrong", f"A text of at most {MAX_DESCRIPTION} characters.")
    else:
        check_json(description, (*place, "description"), faults)
    if variant is not None and not isinstance(variant, str):
        faults.add((*place, "defaultVariant"), "variant_unknown", "The default variant is a name, or null.")


async def _store_flags(
    unit: WriteUnit, actor_id: UUID, flags: Mapping[str, Fields], moment: datetime, version: int
) -> list[Change]:
    """Have the tenant's flags be these, touching only what differs; answers what did, by pointer. ``version`` is the
    one that the whole will have."""
    stored = {row.key: row for row in await queries.list_all_flags(unit)}
    stamp = {"updated_by": actor_id, "updated_at": moment}
    changes: list[Change] = []
    gone = [row for key, row in stored.items() if key not in flags]
    for row in gone:
        changes += _below(row.key, differences(stored_fields(row), dict.fromkeys(stored_fields(row))))
    if gone:
        await queries.delete_flags(unit, [row.id for row in gone])
    new = {key: {"description": "", **fields} for key, fields in flags.items() if key not in stored}
    for key, fields in new.items():
        changes += _below(key, differences({}, fields))
    if new:
        stamp_new = {**stamp, "created_at": moment, "version": version}
        rows = [{**fields, **stamp_new, "id": new_id(), "key": key} for key, fields in new.items()]
        await queries.insert_flags(unit, rows)
    for key in flags.keys() & stored.keys():
        found = differences(stored_fields(stored[key]), flags[key])
        if found:
            values = {change.path: flags[key][change.path] for change in found}
            await queries.update_flag(unit, stored[key].id, {**values, **stamp})
            changes += _below(key, found)
    return changes


def _below(key: str, changes: list[Change]) -> list[Change]:
    return [Change(_path("flags", key, change.path), change.old, change.new) for change in changes]


def _path(*parts: str) -> str:
    return write_pointer(parts)


def _write_flag(row: Row[Any]) -> Fields:
    """A flag as flagd has it: what is not there is left out, since flagd takes no null for a rule."""
    flag: Fields = {"state": row.state, "variants": row.variants, "defaultVariant": row.default_variant}
    if row.targeting is not None:
        flag["targeting"] = row.targeting
    if row.metadata:
        flag["metadata"] = row.metadata
    return flag
