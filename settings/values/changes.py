"""From what is stored and what is wanted to what will be stored, and to what the audit log says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from common.audit import Change, differences
from common.encryption import Vault
from common.enums import SettingType
from common.registry import Declaration
from settings.values.checks import check_value, same
from settings.values.layers import check_public, keeps_secret
from settings.values.secrets import seal, unseal
from settings.values.stored import Stored


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants stored under a key."""

    value: Any
    value_type: SettingType
    description: str
    is_public: bool
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies: under which key of which schema, what the code declares of it, and what opens secrets."""

    schema: str
    key: str
    declaration: Declaration | None
    vault: Vault


def change(place: Place, current: Stored | None, wanted: Wanted, moment: datetime, by: UUID | None) -> Stored | None:
    """The row to store; None when it would say what the current one says. Raises SettingInvalid."""
    check_public(wanted.value_type, is_public=wanted.is_public)
    kept = keeps_secret(wanted.value_type, wanted.value, current)
    if not kept:
        check_value(wanted.value_type, wanted.value, place.declaration)
    if current is not None and _says_the_same(place, current, wanted, kept=kept):
        return None
    is_secret = wanted.value_type is SettingType.SECRET
    sealed = current.secret if kept and current else None
    if is_secret and not kept:
        sealed = seal(place.vault, place.schema, place.key, wanted.value)
    return Stored(
        key=place.key,
        version=(current.version if current else 0) + 1,
        is_set=True,
        value_type=wanted.value_type,
        value=None if is_secret else wanted.value,
        secret=sealed,
        description=wanted.description,
        is_public=wanted.is_public,
        is_locked=wanted.is_locked,
        updated_at=moment,
        updated_by=by,
    )


def take_away(current: Stored, moment: datetime, by: UUID | None) -> Stored:
    """The row that is left of a value: it goes on counting."""
    return replace(
        current,
        version=current.version + 1,
        is_set=False,
        value=None,
        secret=None,
        description="",
        is_public=False,
        is_locked=False,
        updated_at=moment,
        updated_by=by,
    )


def changes_between(before: Stored | None, after: Stored | None) -> list[Change]:
    """What the audit log says of it; of a secret only that it changed."""
    rows = [row for row in (before, after) if row is not None]
    hidden = frozenset({"value"} if any(row.secret is not None for row in rows) else ())
    return differences(_describe(before), _describe(after), hidden=hidden)


def _describe(row: Stored | None) -> Mapping[str, Any]:
    if row is None or not row.is_set:
        return dict.fromkeys(("value", "value_type", "description", "is_public", "is_locked"))
    return {
        "value": row.secret if row.secret is not None else row.value,
        "value_type": str(row.value_type),
        "description": row.description,
        "is_public": row.is_public,
        "is_locked": row.is_locked,
    }


def _says_the_same(place: Place, current: Stored, wanted: Wanted, *, kept: bool) -> bool:
    if not current.is_set:
        return False
    said = (current.value_type, current.description, current.is_public, current.is_locked)
    if said != (wanted.value_type, wanted.description, wanted.is_public, wanted.is_locked):
        return False
    if current.secret is None:
        return same(current.value, wanted.value)
    return kept or unseal(place.vault, place.schema, place.key, current.secret) == wanted.value
