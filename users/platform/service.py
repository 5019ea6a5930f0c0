"""What the platform's operator may do to tenants."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from common.clock import now
from common.errors import InvalidRequest, TenantInvalid, TenantNotFound
from common.ids import TenantName
from common.paging import ListQuery
from serving.visit import Visit
from shared_models import Page
from users.platform import queries
from users.platform.schemas import FleetState, PlatformTenant, PlatformTenantPatch


async def list_tenants(visit: Visit, query: ListQuery, *, status: str | None) -> Page[PlatformTenant]:
    """A page of tenants."""
    async with visit.system() as unit:
        found = await queries.list_tenants(unit, query, status=status)
    tenants = [_shape(visit, row) for row in found.rows]
    return Page(items=tenants, next_cursor=found.next_cursor, total=found.total)


async def get_tenant(visit: Visit, tenant_id: str) -> PlatformTenant:
    """One tenant. Raises TenantInvalid or TenantNotFound."""
    async with visit.system() as unit:
        row = await queries.find_tenant(unit, read_name(tenant_id))
    if row is None:
        raise TenantNotFound
    return _shape(visit, row)


async def update_tenant(
    visit: Visit, tenant_id: str, payload: PlatformTenantPatch, expected_version: int | None = None
) -> PlatformTenant:
    """Rename, suspend or activate. Raises VersionConflict."""
    values = payload.model_dump(exclude_unset=True)
    if "status" in values:
        values["delete_after"] = None  # whatever was marked is marked no more
    await visit.services.lifecycle.change(
        read_name(tenant_id), values, visit.origin, actor=visit.operator, expected_version=expected_version
    )
    return await get_tenant(visit, tenant_id)


async def delete_tenant(
    visit: Visit, tenant_id: str, confirm: str | None, expected_version: int | None = None
) -> PlatformTenant | None:
    """Mark a tenant for deletion, or drop it at once when ``confirm`` repeats its id. Raises InvalidRequest, or
    VersionConflict."""
    name, lifecycle = read_name(tenant_id), visit.services.lifecycle
    if confirm is None:
        grace = timedelta(days=visit.services.config.tenant_delete_grace_days)
        values = {"status": "deleting", "delete_after": now() + grace}
        await lifecycle.change(name, values, visit.origin, actor=visit.operator, expected_version=expected_version)
        return await get_tenant(visit, tenant_id)
    if TenantName.parse(confirm) != name:
        raise InvalidRequest("`confirm` must repeat the tenant's id.")
    await lifecycle.drop(name, visit.origin, actor=visit.operator, expected_version=expected_version)
    return None


async def export_tenant(visit: Visit, tenant_id: str) -> Path:
    """An archive in a file that the caller removes."""
    name = read_name(tenant_id)
    path = await asyncio.to_thread(_scratch_file, visit)
    try:
        await visit.services.lifecycle.export(name, path, visit.origin, actor=visit.operator)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


async def import_tenant(visit: Visit, tenant_id: str, body: AsyncIterator[bytes], *, activate: bool) -> PlatformTenant:
    """Make a tenant from an uploaded archive. Raises ArchiveInvalid or TenantExists."""
    name = read_name(tenant_id)
    path = await asyncio.to_thread(_scratch_file, visit)
    try:
        with path.open("wb") as file:
            async for chunk in body:
                await asyncio.to_thread(file.write, chunk)
        await visit.services.provisioner.restore(
            name, path, status=_status(activate), origin=visit.origin, actor=visit.operator
        )
    finally:
        path.unlink(missing_ok=True)
    return await get_tenant(visit, tenant_id)


async def clone_tenant(visit: Visit, tenant_id: str, target: str, *, activate: bool) -> PlatformTenant:
    """Copy a tenant under another name. Raises TenantNotFound or TenantExists."""
    folder = await asyncio.to_thread(_scratch_folder, visit)
    source, copy = read_name(tenant_id), read_name(target)
    await visit.services.lifecycle.clone(
        source, copy, folder, status=_status(activate), origin=visit.origin, actor=visit.operator
    )
    return await get_tenant(visit, target)


async def describe_fleet(visit: Visit) -> FleetState:
    """How far the tenants' schemas are."""
    revision = visit.services.expected_revision
    async with visit.system() as unit:
        total, current = await queries.count_tenants(unit, revision)
        outdated = await queries.list_outdated(unit, revision) if current < total else []
    return FleetState(expected_revision=revision, total=total, current=current, outdated=outdated)


def read_name(text: str) -> TenantName:
    """A tenant's name in either form. Raises TenantInvalid."""
    name = TenantName.parse(text)
    if name is None:
        raise TenantInvalid("The tenant's id must look like `tenant_acme` or `acme`.")
    return name


def _shape(visit: Visit, row: Row[Any]) -> PlatformTenant:
    return PlatformTenant(**row._mapping, expected_revision=visit.services.expected_revision)


def _status(activate: bool) -> str:
    return "active" if activate else "suspended"


def _scratch_folder(visit: Visit) -> Path:
    folder = visit.services.config.data_dir / "exports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _scratch_file(visit: Visit) -> Path:
    """A new, empty file that only this user can read."""
    descriptor, path = tempfile.mkstemp(dir=_scratch_folder(visit), suffix=".tar.gz")
    os.close(descriptor)
    return Path(path)
