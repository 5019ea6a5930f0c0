"""The SQL of the tenant registry."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, column, func, select, table

from common.ids import TenantName
from database import SystemUnit
from users.models import Tenant

_pg_tables = table("pg_tables", column("schemaname"), column("tablename"), schema="pg_catalog")


async def find_tenant(unit: SystemUnit, name: TenantName) -> Row[Any] | None:
    """A tenant's registry row."""
    found = await unit.execute(
        select(Tenant.role_name, Tenant.status, Tenant.revision, Tenant.shard, Tenant.moving_to).where(
            Tenant.id == name.tenant_id
        )
    )
    return found.one_or_none()


async def list_tables(unit: SystemUnit, name: TenantName) -> set[str]:
    """The tables that a tenant's schema really has."""
    found = await unit.execute(select(_pg_tables.c.tablename).where(_pg_tables.c.schemaname == name.schema))
    return set(found.scalars())


async def count_outdated(unit: SystemUnit, revision: str) -> int:
    """How many tenants are at another revision than this one."""
    found = await unit.execute(select(func.count()).select_from(Tenant).where(Tenant.revision != revision))
    return int(found.scalar_one())
