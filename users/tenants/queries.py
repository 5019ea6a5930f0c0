"""The SQL of the tenant registry."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, column, exists, func, or_, select, table

from common.ids import TenantName
from common.shards import HOME
from database import SystemUnit
from users.models import Tenant

_pg_class = table("pg_class", column("relname"), column("relnamespace"), schema="pg_catalog")
_pg_namespace = table("pg_namespace", column("oid"), column("nspname"), schema="pg_catalog")


async def find_tenant(unit: SystemUnit, name: TenantName) -> Row[Any] | None:
    """A tenant's registry row."""
    found = await unit.execute(
        select(
            Tenant.role_name, Tenant.status, Tenant.revision, Tenant.created_at, Tenant.shard, Tenant.moving_to
        ).where(Tenant.id == name.tenant_id)
    )
    return found.one_or_none()


async def list_tables(unit: SystemUnit, name: TenantName, among: Collection[str]) -> set[str]:
    """Which of these tables a tenant's schema really has. By name, for which the catalogue has an index: it holds the
    tables of all tenants."""
    found = await unit.execute(
        select(_pg_class.c.relname)
        .join(_pg_namespace, _pg_namespace.c.oid == _pg_class.c.relnamespace)
        .where(_pg_namespace.c.nspname == name.schema, _pg_class.c.relname.in_(among))
    )
    return set(found.scalars())


async def count_outdated_tenants(unit: SystemUnit, revision: str) -> int:
    """How many of this server's tenants are at another revision than this one."""
    found = await unit.execute(
        select(func.count()).select_from(Tenant).where(Tenant.shard == HOME, Tenant.revision != revision)
    )
    return int(found.scalar_one())


async def has_outdated(unit: SystemUnit, revision: str) -> bool:
    """Whether a tenant is at another revision than this one: two looks into the index, however many tenants there are,
    since every probe asks."""
    sides = (Tenant.revision < revision, Tenant.revision > revision)
    found = await unit.execute(select(or_(*(exists(select(Tenant.id).where(side)) for side in sides))))
    return bool(found.scalar_one())
