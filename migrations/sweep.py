"""Finding and removing what servers have of tenants that are elsewhere: see ``leftovers``."""

from __future__ import annotations

from dataclasses import dataclass

from common.ids import TenantName
from common.shards import HOME
from migrations.leftovers import remove_copy
from migrations.provision import CREATING, TenantProvisioner

AT_HOME = """
SELECT id FROM system.tenants WHERE shard <> $1 AND moving_to IS NULL AND (
    to_regnamespace('tenant_' || id) IS NOT NULL OR to_regnamespace('moving_' || id) IS NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Leftover:
    """What one server has of a tenant. ``lives_on`` is where the tenant is; None when there is no such tenant."""

    shard: str
    name: TenantName
    lives_on: str | None


async def list_leftovers(provisioner: TenantProvisioner) -> list[Leftover]:
    """Of all servers. A tenant that is being moved has none: its move clears up."""
    async with provisioner.connection() as home:
        places = {row["id"]: row for row in await home.fetch("SELECT id, shard, moving_to FROM system.tenants")}
        found = [(HOME, row["id"]) for row in await home.fetch(AT_HOME, HOME)]
    for shard in provisioner.shards[1:]:
        async with provisioner.connection(shard) as connection:
            found += [(shard, row["id"]) for row in await connection.fetch("SELECT id FROM system.tenants")]
    leftovers = []
    for shard, tenant_id in found:
        name, place = TenantName.parse(tenant_id), places.get(tenant_id)
        is_left = place is None or (place["shard"] != shard and place["moving_to"] is None)
        if name is not None and is_left:
            leftovers.append(Leftover(shard, name, place["shard"] if place else None))
    return leftovers


async def remove_leftovers(provisioner: TenantProvisioner) -> list[Leftover]:
    """Remove them, each by who has the claim to its name: what is being made or moved just now is none. Answers what
    was removed."""
    removed = []
    for leftover in await list_leftovers(provisioner):
        name, shard = leftover.name, leftover.shard
        async with provisioner.connection() as home, home.transaction():
            await home.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", CREATING, name.schema)
            place = await home.fetchrow("SELECT shard, moving_to FROM system.tenants WHERE id = $1", name.tenant_id)
            if place is None or (place["shard"] != shard and place["moving_to"] is None):
                async with provisioner.beside(home, shard) as connection:
                    await remove_copy(connection, name, shard)
                removed.append(leftover)
    return removed
