"""What every change of a flag has in common: the lock, the version of the whole, the audit entry, the invalidation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.audit import Change, Target
from common.errors import FlagsFull
from database import WriteUnit
from settings.feature_flags import queries
from settings.feature_flags.caching import FLAGS
from settings.feature_flags.checks import MAX_FLAGS, MAX_SET_BYTES

SWITCH: Final = "flags.switch"
STORED: Final = (
    "state",
    "variants",
    "default_variant",
    "targeting",
    "metadata",
    "description",
    "switch_at",
    "switch_to",
)


def stored_fields(row: Row[Any]) -> dict[str, Any]:
    """What somebody can have set of a flag."""
    return {name: row._mapping[name] for name in STORED}


async def note_change(
    unit: WriteUnit, moment: datetime, target: Target, verb: str, changes: Sequence[Change], **shared: Any
) -> int:
    """All that goes with a change of flags; answers the version that the whole has now. ``shared`` are fields of the
    whole set that change with it."""
    version = await queries.bump_set(unit, moment, shared)
    unit.audit(f"settings.{verb}", target=target, changes=changes)
    unit.invalidate(FLAGS)
    return version


async def check_room(unit: WriteUnit) -> None:
    """Raise FlagsFull when there are too many flags now, or they are too large together."""
    count, size = await queries.measure(unit)
    if count > MAX_FLAGS:
        raise FlagsFull(f"A tenant has at most {MAX_FLAGS} feature flags.")
    if size > MAX_SET_BYTES:
        raise FlagsFull(f"A tenant's feature flags have at most {MAX_SET_BYTES} bytes together.")


def schedule_switch(unit: WriteUnit, flag_id: UUID, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Order the job of a switch that was set or moved. An older one finds that it is not meant any more."""
    if after["switch_at"] is None or all(before.get(name) == after[name] for name in ("switch_at", "switch_to")):
        return
    payload = {
        "flag_id": str(flag_id),
        "switch_at": after["switch_at"].isoformat(),
        "switch_to": after["switch_to"],
    }
    unit.enqueue(SWITCH, payload, run_at=after["switch_at"])


def flag_target(flag_id: UUID, key: str) -> Target:
    """A flag as the audit log names it."""
    return Target("feature_flag", str(flag_id), key)
