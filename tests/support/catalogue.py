"""What PostgreSQL's catalogues say of what exists on the server."""

from __future__ import annotations

from common.config import Config
from tests.support.apps import connect


async def everything_there_is(config: Config) -> set[tuple[str, str]]:
    """Every schema, role and registered tenant of a prepared database."""
    async with connect(config.owner_url) as owner:
        found = await owner.fetch(
            "SELECT 'schema', nspname FROM pg_namespace UNION ALL SELECT 'role', rolname FROM pg_roles "
            "UNION ALL SELECT 'tenant', id FROM system.tenants"
        )
        return {(kind, name) for kind, name in found}
