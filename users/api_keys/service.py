"""The rules of API keys: nobody makes one that may do what he may not, and its secret is shown once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.audit import HIDDEN, Change, Target, differences
from common.clock import now
from common.errors import (
    ApiKeyRevoked,
    NotFound,
    PermissionDenied,
    TooManyKeys,
    Unauthenticated,
    Unprocessable,
    VersionConflict,
)
from common.ids import new_id
from common.paging import ListQuery
from database import ReadUnit, WriteUnit
from serving.services import Services
from shared_auth import KeySecret, Principal
from shared_models import Page, page_of
from users.api_keys import queries
from users.api_keys.schemas import ApiKey, ApiKeyCreate, ApiKeyPatch, ApiKeyWithSecret
from users.models import PRINCIPALS
from users.permissions import permission_text, read_permissions, split_permission
from users.rights.rules import check_holds, check_rank

MAX_LIVING_KEYS: Final = 100  # of one user; nobody oversees more, and every forgotten one is a way in


async def list_keys(
    unit: ReadUnit, actor: Principal, query: ListQuery, *, mine: bool, is_active: bool | None
) -> Page[ApiKey]:
    """A page of the tenant's keys, or of the actor's own."""
    found = await queries.list_keys(unit, query, owner=actor.user_id if mine else None, is_active=is_active)
    return page_of(ApiKey, found)


async def get_key(unit: ReadUnit, key_id: UUID) -> ApiKey:
    """One key, also a revoked one. Raises NotFound."""
    row = await queries.find_key(unit, key_id)
    if row is None:
        raise NotFound("There is no such API key.")
    return ApiKey.model_validate(row)


async def create_key(unit: WriteUnit, actor: Principal, payload: ApiKeyCreate, services: Services) -> ApiKeyWithSecret:
    """A new key of the actor's. Raises PermissionDenied if it lists what the actor lacks."""
    moment = now()
    values = {
        "name": payload.name,
        "permissions": _permissions(actor, payload.permissions, services),
        "allowed_cidrs": _unique(payload.allowed_cidrs),
        "expires_at": _in_future(payload.expires_at, moment),
    }
    if not await queries.lock_owner(unit, actor.user_id):
        raise Unauthenticated
    await _check_count(unit, actor.user_id, moment)
    secret, key_id = KeySecret.new(), new_id()
    await queries.insert_key(
        unit,
        {
            **values,
            "id": key_id,
            "user_id": actor.user_id,
            "prefix": secret.shown,
            "digest": secret.digest,
            "created_at": moment,
            "updated_at": moment,
        },
    )
    _audit(unit, "created", key_id, payload.name, [*differences({}, values), Change("key", None, HIDDEN)])
    return await _with_secret(unit, key_id, secret)


async def update_key(  # noqa: PLR0917 - unit and actor first, as everywhere
    unit: WriteUnit,
    actor: Principal,
    key_id: UUID,
    payload: ApiKeyPatch,
    expected_version: int | None,
    services: Services,
) -> ApiKey:
    """Set the given fields. What the key lists already may stay, though the actor should lack it."""
    before = await _lock_living(unit, actor, key_id, expected_version)
    values, moment = payload.model_dump(exclude_unset=True), now()
    if "permissions" in values:
        values["permissions"] = _permissions(actor, payload.permissions, services, present=before.permissions)
    if "allowed_cidrs" in values:
        values["allowed_cidrs"] = _unique(payload.allowed_cidrs)
    await _check_expiry(unit, before, values, moment)
    changes = differences(dict(before._mapping), values)
    if changes:
        await queries.update_key(unit, key_id, {**values, "updated_at": moment})
        _audit(unit, "updated", key_id, values.get("name", before.name), changes)
        _forget(unit, before)
    return await get_key(unit, key_id)


async def rotate_key(
    unit: WriteUnit, actor: Principal, key_id: UUID, grace_seconds: int, expected_version: int | None
) -> ApiKeyWithSecret:
    """Give a key a new secret; the one before stays good for ``grace_seconds``, the one before that ends.

    Only for the owner, since the answer is a credential of the owner's. A key may replace itself, but no other.
    """
    before = await _lock_living(unit, actor, key_id, expected_version)
    itself = actor.api_key is None or actor.api_key.id == key_id
    if before.user_id != actor.user_id or not itself:
        raise PermissionDenied("Only its owner, or the key itself, may rotate an API key.")
    secret, moment = KeySecret.new(), now()
    values = {
        "digest": secret.digest,
        "prefix": secret.shown,
        "previous_digest": before.digest if grace_seconds else None,
        "previous_expires_at": moment + timedelta(seconds=grace_seconds) if grace_seconds else None,
        "updated_at": moment,
    }
    await queries.update_key(unit, key_id, values)
    changes = [Change("key", HIDDEN, HIDDEN), Change("grace_seconds", None, grace_seconds)]
    _audit(unit, "rotated", key_id, before.name, changes)
    _forget(unit, before)
    return await _with_secret(unit, key_id, secret)


async def revoke_key(unit: WriteUnit, actor: Principal, key_id: UUID, expected_version: int | None) -> None:
    """End a key at once, with both of its secrets. Raises NotFound when it has ended already."""
    before = await _lock(unit, actor, key_id)
    if before.revoked_at is not None:
        raise NotFound("The API key was revoked before.")
    _check_version(before, expected_version)
    moment = now()
    await queries.update_key(unit, key_id, {"revoked_at": moment, "updated_at": moment})
    _audit(unit, "revoked", key_id, before.name, [])
    _forget(unit, before)


async def _lock_living(unit: WriteUnit, actor: Principal, key_id: UUID, expected_version: int | None) -> Row[Any]:
    row = await _lock(unit, actor, key_id)
    if row.revoked_at is not None:
        raise ApiKeyRevoked
    _check_version(row, expected_version)
    return row


async def _lock(unit: WriteUnit, actor: Principal, key_id: UUID) -> Row[Any]:
    row = await queries.lock_key(unit, key_id)
    if row is None:
        raise NotFound("There is no such API key.")
    await check_rank(unit, actor, row.user_id)
    return row


async def _check_count(unit: WriteUnit, owner: UUID, moment: datetime) -> None:
    """Whether the owner, whose row is locked, may have one more living key. Raises TooManyKeys."""
    if await queries.count_living_keys(unit, owner, moment) >= MAX_LIVING_KEYS:
        raise TooManyKeys


async def _check_expiry(unit: WriteUnit, before: Row[Any], values: Mapping[str, Any], moment: datetime) -> None:
    """Whether the key may end at the time in ``values``, if there is one; an ended key comes back to life with it."""
    ends = values.get("expires_at", before.expires_at)
    if ends == before.expires_at:
        return
    _in_future(ends, moment)
    if before.expires_at is not None and before.expires_at <= moment:
        await queries.lock_owner(unit, before.user_id)
        await _check_count(unit, before.user_id, moment)


def _check_version(row: Row[Any], expected_version: int | None) -> None:
    if expected_version not in {None, row.version}:
        raise VersionConflict


def _permissions(
    actor: Principal, texts: Sequence[str], services: Services, *, present: Sequence[str] = ()
) -> list[str]:
    """The permissions as they are stored: sorted, each once. The actor holds all that are not ``present`` already."""
    grants = read_permissions(texts, services.catalogue, pointer="/body/permissions")
    kept = dict(split_permission(text) for text in present)
    check_holds(actor, {name: level for name, level in grants.items() if kept.get(name) != level}, "The API key")
    return sorted(permission_text(name, level) for name, level in grants.items())


def _in_future(expires_at: datetime | None, moment: datetime) -> datetime | None:
    if expires_at is not None and expires_at <= moment:
        raise Unprocessable("The key would have expired already.", pointer="/body/expires_at")
    return expires_at


def _unique(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(texts))


async def _with_secret(unit: ReadUnit, key_id: UUID, secret: KeySecret) -> ApiKeyWithSecret:
    shown = await get_key(unit, key_id)
    return ApiKeyWithSecret(**dict(shown), key=secret.text)


def _audit(unit: WriteUnit, verb: str, key_id: UUID, name: str, changes: Sequence[Change]) -> None:
    unit.audit(f"users.api_key.{verb}", target=Target("api_key", str(key_id), name), changes=changes)


def _forget(unit: WriteUnit, before: Row[Any]) -> None:
    """Both secrets, on every process."""
    for digest in (before.digest, before.previous_digest):
        if digest is not None:
            unit.invalidate(PRINCIPALS, digest.hex())
