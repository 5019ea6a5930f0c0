"""The SQL of API keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, case, func, insert, literal, or_, select, update

from common.paging import AnySelect, ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import ReadUnit, WriteUnit
from users.models import ApiKey, User

_keys: Any = ApiKey.__table__

ORDER: Final = Order(
    fields={"created_at": _keys.c.created_at, "updated_at": _keys.c.updated_at, "name": func.lower(_keys.c.name)},
    identity=_keys.c.id,
)


def _shown() -> AnySelect:
    """Keys in the columns of the schema ``ApiKey``."""
    return select(
        ApiKey.id,
        ApiKey.user_id,
        ApiKey.name,
        ApiKey.prefix,
        ApiKey.permissions,
        ApiKey.allowed_cidrs,
        ApiKey.expires_at,
        ApiKey.previous_expires_at,
        ApiKey.last_used_at,
        ApiKey.revoked_at,
        ApiKey.created_at,
        ApiKey.updated_at,
        ApiKey.version,
    )


async def find_key(unit: ReadUnit, key_id: UUID) -> Row[Any] | None:
    """One key, living or revoked."""
    return (await unit.execute(_shown().where(ApiKey.id == key_id))).one_or_none()


async def list_keys(unit: ReadUnit, query: ListQuery, *, owner: UUID | None, is_active: bool | None) -> Slice:
    """A page of keys: all of the tenant, or one user's."""
    statement = _shown().where(created_within(_keys.c.created_at, query))
    if owner is not None:
        statement = statement.where(ApiKey.user_id == owner)
    if is_active is not None:
        alive = ApiKey.revoked_at.is_(None) & or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
        statement = statement.where(alive if is_active else ~alive)
    if query.q:
        statement = statement.where(contains(query.q, _keys.c.name, _keys.c.prefix))
    return await fetch_slice(unit, statement, ORDER, query)


async def find_living_key(unit: ReadUnit, digest: bytes, moment: datetime) -> Row[Any] | None:
    """The key whose secret this is, or was until lately; ``expires_at`` is when this secret ends."""
    replaced = ApiKey.previous_digest == digest
    ends = case((replaced, func.least(ApiKey.previous_expires_at, ApiKey.expires_at)), else_=ApiKey.expires_at)
    found = await unit.execute(
        select(
            ApiKey.id,
            ApiKey.user_id,
            ApiKey.name,
            ApiKey.permissions,
            ApiKey.allowed_cidrs,
            ApiKey.created_at,
            ends.label("expires_at"),
        ).where(
            or_(ApiKey.digest == digest, replaced),
            ApiKey.revoked_at.is_(None),
            or_(ends.is_(None), ends > literal(moment)),
        )
    )
    return found.one_or_none()


async def lock_key(unit: WriteUnit, key_id: UUID) -> Row[Any] | None:
    """A key's editable fields and digests, locked until COMMIT."""
    found = await unit.execute(
        select(
            ApiKey.id,
            ApiKey.user_id,
            ApiKey.name,
            ApiKey.permissions,
            ApiKey.allowed_cidrs,
            ApiKey.expires_at,
            ApiKey.digest,
            ApiKey.previous_digest,
            ApiKey.revoked_at,
            ApiKey.version,
        )
        .where(ApiKey.id == key_id)
        .with_for_update()
    )
    return found.one_or_none()


async def lock_owner(unit: WriteUnit, user_id: UUID) -> bool:
    """Whether the user is still active. It stays so until COMMIT: who is being deactivated leaves no key behind. And of
    two requests that make a key of one user at once, the second counts the first one's."""
    found = await unit.execute(
        select(User.id)
        .where(User.id == user_id, User.is_active, User.deleted_at.is_(None))
        .with_for_update(key_share=True)
    )
    return found.one_or_none() is not None


async def count_living_keys(unit: WriteUnit, user_id: UUID, moment: datetime) -> int:
    """How many keys of a user are neither revoked nor over."""
    alive = ApiKey.revoked_at.is_(None) & or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > moment)
    found = await unit.execute(select(func.count()).select_from(ApiKey).where(ApiKey.user_id == user_id, alive))
    return int(found.scalar_one())


async def insert_key(unit: WriteUnit, values: Mapping[str, Any]) -> None:
    """A new key."""
    await unit.execute(insert(ApiKey).values(**values))


async def update_key(unit: WriteUnit, key_id: UUID, values: Mapping[str, Any]) -> None:
    """Change a key that ``lock_key`` holds."""
    await unit.execute(update(ApiKey).where(ApiKey.id == key_id).values(**values, version=ApiKey.version + 1))
