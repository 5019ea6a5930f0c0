"""What a server still has of a tenant that the home registry places elsewhere, or nowhere.

A creation or a move that is killed between the commits of two databases leaves it; so does a move that keeps its
source. Nobody can get at it: every process asks the home registry where a tenant is.
"""

from __future__ import annotations

import asyncpg

from common.errors import TenantExists
from common.ids import TenantName
from common.shards import HOME
from database import quote_identifier


def closed_schema(name: TenantName) -> str:
    """What a tenant's schema is called while it is moved away. No tenant's schema can have that name."""
    return f"moving_{name.tenant_id}"


async def clear_site(connection: asyncpg.Connection, name: TenantName, shard: str) -> None:
    """Make room for a tenant on a server where it is not, for whoever holds the claim to its name. Raises TenantExists
    for a schema that is none of ours."""
    if not await _forget(connection, name, shard) and shard != HOME:
        await refuse_stranger(connection, name)
    await _drop_schemas(connection, name)


async def remove_copy(connection: asyncpg.Connection, name: TenantName, shard: str) -> None:
    """Remove from a server what it has of a tenant that is elsewhere."""
    if await _forget(connection, name, shard):
        await _drop_schemas(connection, name)
        await _drop_role(connection, name.schema)


async def _forget(connection: asyncpg.Connection, name: TenantName, shard: str) -> bool:
    """Take the tenant's jobs away, and on a shard its row, with which they go; whether it was known there."""
    if shard == HOME:
        await connection.execute("DELETE FROM system.outbox WHERE tenant_id = $1", name.tenant_id)
        return True
    return bool(await connection.execute("DELETE FROM system.tenants WHERE id = $1", name.tenant_id) == "DELETE 1")


async def refuse_stranger(connection: asyncpg.Connection, name: TenantName) -> None:
    """Raise TenantExists if there is a schema of the tenant's name, which no registry knows."""
    if await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", name.schema):
        raise TenantExists("A schema of this tenant's name exists, but the registry does not know it.")


async def remove_tenant(connection: asyncpg.Connection, name: TenantName) -> None:
    """Remove from one server all there is of a tenant. Harmless where there is nothing."""
    await _drop_schemas(connection, name)
    await connection.execute("DELETE FROM system.tenants WHERE id = $1", name.tenant_id)
    await _drop_role(connection, name.schema)


async def _drop_schemas(connection: asyncpg.Connection, name: TenantName) -> None:
    schemas = ", ".join(quote_identifier(schema) for schema in (name.schema, closed_schema(name)))
    await connection.execute(f"DROP SCHEMA IF EXISTS {schemas} CASCADE")


async def _drop_role(connection: asyncpg.Connection, role: str) -> None:
    """Drop the tenant's role, unless another database of the same server uses a role of that name."""
    try:
        async with connection.transaction():
            await connection.execute(f"DROP ROLE IF EXISTS {quote_identifier(role)}")
    except asyncpg.DependentObjectsStillExistError:
        return
