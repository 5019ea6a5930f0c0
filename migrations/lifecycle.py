"""What happens to a tenant after its creation: renamed, suspended, marked for deletion, exported, cloned, dropped.

Done as the owner role, each in one transaction with the audit entry in the tenant's own chain and the notification that
makes every process forget what it had cached of the tenant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg

from common.audit import Actor, Origin, Target, differences, entry
from common.errors import TenantNotFound, TenantOutdated
from common.ids import TenantName
from database import quote_identifier
from migrations.archive import write_archive
from migrations.notices import notify_change
from migrations.provision import TenantProvisioner
from migrations.tenant import SHARED_RIGHTS_TURN, expected_revision


class TenantLifecycle:
    """The platform's hand on tenants."""

    def __init__(self, provisioner: TenantProvisioner) -> None:
        self._provisioner = provisioner

    async def change(self, name: TenantName, values: Mapping[str, Any], origin: Origin) -> None:
        """Set ``name``, ``status`` or ``delete_after``. Raises TenantNotFound."""
        async with self._provisioner.connection() as connection, connection.transaction():
            before = await _lock(connection, name)
            changes = differences(dict(before), values)
            if changes:
                columns = ", ".join(f"{column} = ${number}" for number, column in enumerate(values, start=2))
                await connection.execute(
                    f"UPDATE system.tenants SET {columns}, updated_at = now() WHERE id = $1",
                    name.tenant_id,
                    *values.values(),
                )
                target = Target("tenant", name.tenant_id, before["name"])
                item = entry("tenant.updated", actor=Actor("platform"), origin=origin, target=target, changes=changes)
                await connection.execute(f"SET LOCAL search_path TO {quote_identifier(name.schema)}, pg_temp")
                await connection.execute("SELECT audit_append($1::jsonb)", json.dumps([item]))
            await notify_change(connection, name.schema)

    async def export(self, name: TenantName, path: Path, origin: Origin) -> None:
        """Write an archive of the tenant, after noting in its audit log that it leaves. Raises TenantNotFound."""
        async with self._provisioner.connection(seconds=None) as connection:
            async with connection.transaction():
                before = await _lock(connection, name)
                if before["revision"] != expected_revision():
                    raise TenantOutdated
                target = Target("tenant", name.tenant_id, before["name"])
                item = entry("tenant.exported", actor=Actor("platform"), origin=origin, target=target)
                await connection.execute(f"SET LOCAL search_path TO {quote_identifier(name.schema)}, pg_temp")
                await connection.execute("SELECT audit_append($1::jsonb)", json.dumps([item]))
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await write_archive(connection, name, before["name"], path)

    async def clone(self, source: TenantName, target: TenantName, folder: Path, *, status: str, origin: Origin) -> None:
        """Make a copy under another name, as an export and an import would. Raises TenantNotFound or TenantExists."""
        with TemporaryDirectory(dir=folder, prefix="clone-") as scratch:
            path = Path(scratch) / "archive.tar.gz"
            await self.export(source, path, origin)
            await self._provisioner.restore(target, path, status=status, origin=origin)

    async def drop(self, name: TenantName) -> None:
        """Remove the tenant with all it owns. Raises TenantNotFound."""
        async with self._provisioner.connection() as connection, connection.transaction():
            await _lock(connection, name)
            schema = quote_identifier(name.schema)
            await connection.execute(f"DROP SCHEMA {schema} CASCADE")
            await connection.execute("DELETE FROM system.tenants WHERE id = $1", name.tenant_id)
            await _drop_role(connection, name.schema)
            await notify_change(connection, name.schema)

    async def drop_due(self, moment: datetime) -> list[str]:
        """Drop every tenant whose time has come; answers their ids."""
        async with self._provisioner.connection() as connection:
            due = await connection.fetch(
                "SELECT id FROM system.tenants WHERE status = 'deleting' AND delete_after <= $1", moment
            )
        dropped = []
        for row in due:
            name = TenantName.parse(row["id"])
            assert name is not None
            try:
                await self.drop(name)
            except TenantNotFound:  # another process was quicker
                continue
            dropped.append(row["id"])
        return dropped


async def _lock(connection: asyncpg.Connection, name: TenantName) -> asyncpg.Record:
    row = await connection.fetchrow(
        "SELECT name, status, delete_after, revision FROM system.tenants WHERE id = $1 FOR UPDATE", name.tenant_id
    )
    if row is None:
        raise TenantNotFound
    return row


async def _drop_role(connection: asyncpg.Connection, role: str) -> None:
    """Drop the tenant's role, unless another database of the same server uses a role of that name."""
    quoted = quote_identifier(role)
    await connection.execute(
        f"{SHARED_RIGHTS_TURN}; REVOKE ALL ON SCHEMA system FROM {quoted};"
        f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA system FROM {quoted}"
    )
    try:
        async with connection.transaction():
            await connection.execute(f"DROP ROLE {quoted}")
    except asyncpg.DependentObjectsStillExistError:
        return
