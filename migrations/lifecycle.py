"""What happens to a tenant after its creation: renamed, suspended, marked for deletion, exported, cloned, dropped.

Done as the owner role, each in one transaction with the audit entries, in the tenant's own chain and in the platform's,
and the notification that makes every process forget what it had cached of the tenant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import asyncpg
import structlog

from common.audit import PLATFORM, Actor, Change, Origin, Target, differences
from common.clock import now
from common.errors import (
    DatabaseUnavailable,
    StorageUnavailable,
    TenantMoving,
    TenantNotFound,
    TenantOutdated,
    VersionConflict,
)
from common.ids import TenantName
from common.shards import HOME
from database import quote_identifier
from migrations.archive import write_archive
from migrations.entries import note_for_platform, note_for_tenant
from migrations.leftovers import remove_tenant
from migrations.notices import notify_change
from migrations.provision import TenantProvisioner
from migrations.tenant import expected_revision

HOUSEKEEPING: Final = Origin("housekeeping")

log = structlog.get_logger("platform")


class TenantLifecycle:
    """The platform's hand on tenants."""

    def __init__(self, provisioner: TenantProvisioner) -> None:
        self._provisioner = provisioner

    async def change(
        self,
        name: TenantName,
        values: Mapping[str, Any],
        origin: Origin,
        *,
        actor: Actor = PLATFORM,
        expected_version: int | None = None,
    ) -> None:
        """Set ``name``, ``status`` or ``delete_after``. Raises TenantNotFound or VersionConflict."""
        async with self._provisioner.connection() as home, home.transaction():
            before = await _lock(home, name, expected_version)
            changes = differences(dict(before), values)
            if changes:
                columns = ", ".join(f"{column} = ${number}" for number, column in enumerate(values, start=2))
                await home.execute(
                    f"UPDATE system.tenants SET {columns}, version = version + 1, updated_at = now() WHERE id = $1",
                    name.tenant_id,
                    *values.values(),
                )
                async with self._provisioner.beside(home, before["shard"]) as connection:
                    await _note(connection, name, before["name"], "tenant.updated", origin, changes)
                action = _meaning_of(before["status"], values, changes)
                await note_for_platform(home, action, name, before["name"], actor, origin, changes)
            await notify_change(home, name.schema)

    async def export(self, name: TenantName, path: Path, origin: Origin, *, actor: Actor = PLATFORM) -> None:
        """Write an archive of the tenant, after noting in both audit logs that it leaves. Raises TenantNotFound."""
        async with self._provisioner.connection() as home, home.transaction():
            before = await _lock(home, name)
            if before["revision"] != expected_revision():
                raise TenantOutdated
            async with self._provisioner.beside(home, before["shard"]) as connection:
                await _note(connection, name, before["name"], "tenant.exported", origin)
            await note_for_platform(home, "tenant.exported", name, before["name"], actor, origin)
        async with (
            self._provisioner.connection(before["shard"], seconds=None) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            stored = self._provisioner.storage.folder(name)
            await write_archive(connection, name, before["name"], path, stored)

    async def clone(
        self,
        source: TenantName,
        target: TenantName,
        folder: Path,
        *,
        status: str,
        origin: Origin,
        actor: Actor = PLATFORM,
    ) -> None:
        """Make a copy under another name, as an export and an import would. Raises TenantNotFound or TenantExists."""
        with TemporaryDirectory(dir=folder, prefix="clone-") as scratch:
            path = Path(scratch) / "archive.tar.gz"
            await self.export(source, path, origin, actor=actor)
            await self._provisioner.restore(target, path, status=status, origin=origin, actor=actor, source=source)

    async def drop(
        self, name: TenantName, origin: Origin, *, actor: Actor = PLATFORM, expected_version: int | None = None
    ) -> None:
        """Remove the tenant with all it owns; the platform's log keeps that it was. Raises TenantNotFound or
        VersionConflict."""
        moment = now()
        async with self._provisioner.connection() as home, home.transaction():
            before = await _lock(home, name, expected_version)
            async with self._provisioner.beside(home, before["shard"]) as connection:
                await remove_tenant(connection, name)
            if before["shard"] != HOME:
                await remove_tenant(home, name)
            await note_for_platform(home, "tenant.dropped", name, before["name"], actor, origin)
            await notify_change(home, name.schema)
        await self._remove_files(name, moment)

    async def _remove_files(self, name: TenantName, before: datetime) -> None:
        """Remove what the dropped tenant had stored; a new one of its name may have stored something by now."""
        try:
            folder = self._provisioner.storage.folder(name)
            await folder.delete([file.id async for file in folder.list() if file.begun_at < before])
        except StorageUnavailable:
            log.error("files_left_behind", tenant=name.schema)

    async def drop_due(self, moment: datetime) -> list[str]:
        """Drop every tenant whose time has come; answers their ids."""
        async with self._provisioner.connection() as connection:
            due = await connection.fetch(
                "SELECT id FROM system.tenants WHERE status = 'deleting' AND delete_after <= $1 AND moving_to IS NULL",
                moment,
            )
        dropped = []
        for row in due:
            name = TenantName.parse(row["id"])
            assert name is not None
            try:
                await self.drop(name, HOUSEKEEPING, actor=Actor("system"))
            except (TenantNotFound, TenantMoving):  # another process was quicker
                continue
            except (DatabaseUnavailable, asyncpg.PostgresError) as error:  # its shard is away; others' may be there
                log.warning("tenant_not_dropped", tenant=name.schema, reason=type(error).__name__)
                continue
            dropped.append(row["id"])
        return dropped


async def _lock(
    connection: asyncpg.Connection, name: TenantName, expected_version: int | None = None
) -> asyncpg.Record:
    row = await connection.fetchrow(
        "SELECT name, status, delete_after, revision, version, shard, moving_to FROM system.tenants "
        "WHERE id = $1 FOR UPDATE",
        name.tenant_id,
    )
    if row is None:
        raise TenantNotFound
    if row["moving_to"] is not None:
        raise TenantMoving
    if expected_version not in {None, row["version"]}:
        raise VersionConflict
    return row


async def _note(  # noqa: PLR0917 - connection first, as everywhere
    connection: asyncpg.Connection,
    name: TenantName,
    title: str,
    action: str,
    origin: Origin,
    changes: Sequence[Change] = (),
) -> None:
    await connection.execute(f"SET LOCAL search_path TO {quote_identifier(name.schema)}, pg_temp")
    await note_for_tenant(connection, action, Target("tenant", name.tenant_id, title), origin, changes)


def _meaning_of(status: str, values: Mapping[str, Any], changes: Sequence[Change]) -> str:
    """What the platform's log calls it. Marking for deletion a second time sets only the day anew."""
    if not {"status", "delete_after"} & {change.path for change in changes}:
        return "tenant.updated"
    back = "tenant.restored" if status == "deleting" else "tenant.activated"
    return {"suspended": "tenant.suspended", "deleting": "tenant.deletion_ordered", "active": back}[values["status"]]
