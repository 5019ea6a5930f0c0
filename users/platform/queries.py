"""The SQL of the registry, as the platform's operator reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, exists, func, insert, select, update

from common.ids import TenantName
from common.paging import AnySelect, ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import SystemUnit
from users.models import PlatformKey, Tenant

_tenants: Any = Tenant.__table__
_keys: Any = PlatformKey.__table__
OUTDATED_SHOWN: Final = 100

ORDER: Final = Order(
    fields={"created_at": _tenants.c.created_at, "updated_at": _tenants.c.updated_at, "id": _tenants.c.id},
    identity=_tenants.c.id,
    default="id",
)

KEY_ORDER: Final = Order(fields={"created_at": _keys.c.created_at}, identity=_keys.c.id)


def _columns() -> AnySelect:
    return select(
        Tenant.id,
        Tenant.schema_name.label("tenant_id"),
        Tenant.name,
        Tenant.status,
        Tenant.revision,
        Tenant.shard,
        Tenant.delete_after,
        Tenant.created_at,
        Tenant.updated_at,
    )


async def list_tenants(unit: SystemUnit, query: ListQuery, *, status: str | None) -> Slice:
    """A page of the registry."""
    statement = _columns().where(created_within(_tenants.c.created_at, query))
    if status is not None:
        statement = statement.where(Tenant.status == status)
    if query.q:
        statement = statement.where(contains(query.q, _tenants.c.id, _tenants.c.name))
    return await fetch_slice(unit, statement, ORDER, query)


async def find_tenant(unit: SystemUnit, name: TenantName) -> Row[Any] | None:
    """One tenant of the registry."""
    return (await unit.execute(_columns().where(Tenant.id == name.tenant_id))).one_or_none()


async def count_tenants(unit: SystemUnit, revision: str) -> tuple[int, int]:
    """How many tenants there are, and how many of them are at this revision."""
    found = await unit.execute(
        select(
            func.count().label("total"), func.count().filter(Tenant.revision == revision).label("current")
        ).select_from(Tenant)
    )
    row = found.one()
    return int(row.total), int(row.current)


async def list_outdated(unit: SystemUnit, revision: str) -> list[str]:
    """The first tenants that are at another revision."""
    found = await unit.execute(
        select(Tenant.id).where(Tenant.revision != revision).order_by(Tenant.id).limit(OUTDATED_SHOWN)
    )
    return list(found.scalars())


async def has_living_key(unit: SystemUnit, digest: bytes) -> bool:
    """Whether a platform key of this digest exists and is not revoked."""
    living = exists().where(PlatformKey.digest == digest, PlatformKey.revoked_at.is_(None))
    return bool((await unit.execute(select(living))).scalar_one())


async def list_keys(unit: SystemUnit, query: ListQuery) -> Slice:
    """A page of platform keys."""
    statement = select(
        PlatformKey.id, PlatformKey.name, PlatformKey.prefix, PlatformKey.created_at, PlatformKey.revoked_at
    ).where(created_within(_keys.c.created_at, query))
    if query.q:
        statement = statement.where(contains(query.q, _keys.c.name, _keys.c.prefix))
    return await fetch_slice(unit, statement, KEY_ORDER, query)


async def insert_key(unit: SystemUnit, values: Mapping[str, Any]) -> None:
    """A new platform key."""
    await unit.execute(insert(PlatformKey).values(**values))


async def revoke_key(unit: SystemUnit, key_id: UUID, moment: datetime) -> bool:
    """Revoke a living key; False when there is none of this id."""
    revoked = await unit.execute(
        update(PlatformKey)
        .where(PlatformKey.id == key_id, PlatformKey.revoked_at.is_(None))
        .values(revoked_at=moment)
        .returning(PlatformKey.id)
    )
    return revoked.one_or_none() is not None
