"""``/platform``: tenants, for the platform's operator."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from common.http.answers import named_file
from common.http.openapi import BINARY, problem_responses
from common.times import GivenTime
from dependencies import Listing, OperatorVisit, PlainListing, Replying, Route
from shared_models import Page
from users.platform import keys, log, service
from users.platform.queries import LogFilter
from users.platform.schemas import (
    CloneRequest,
    FleetState,
    PlatformAuditLog,
    PlatformKey,
    PlatformKeyCreate,
    PlatformKeyCreated,
    PlatformTenant,
    PlatformTenantPatch,
)

router = APIRouter(prefix="/platform", tags=["platform"], route_class=Route)

ARCHIVE = "application/gzip"
TENANTS = "/api/v1/platform/tenants"


@router.get("/tenants", summary="List tenants")
async def list_platform_tenants(
    visit: OperatorVisit,
    listing: Listing,
    reply: Replying,
    status: Literal["active", "suspended", "deleting"] | None = None,
) -> Page[PlatformTenant]:
    """All tenants, by id. Sort by `id`, `created_at` or `updated_at`; `q` searches id and name."""
    return reply.page(await service.list_tenants(visit, listing, status=status))


@router.post(
    "/tenants/import",
    status_code=201,
    summary="Import a tenant",
    responses=problem_responses({409}),
    openapi_extra={"requestBody": {"required": True, "content": {ARCHIVE: {"schema": BINARY}}}},
)
async def import_tenant(
    visit: OperatorVisit,
    request: Request,
    reply: Replying,
    tenant: Annotated[str, Query(max_length=64, description="The new tenant's id.")],
    activate: Annotated[bool, Query(description="Serve it at once.")] = False,
) -> PlatformTenant:
    """The body is an archive of `export`. Sessions, keys, invitations and mailed links in it are dead."""
    imported = await service.import_tenant(visit, tenant, request.stream(), activate=activate)
    return reply.created(imported, below=TENANTS)


@router.get("/tenants/{tenant_id}", summary="Get a tenant")
async def get_platform_tenant(visit: OperatorVisit, tenant_id: str, reply: Replying) -> PlatformTenant:
    """By either form of its id. Answers 304 if `If-None-Match` has the current version."""
    tenant = await service.get_tenant(visit, tenant_id)
    return reply.tag(tenant, is_whole=tenant.revision == tenant.expected_revision)  # the latter comes with a release


@router.patch("/tenants/{tenant_id}", summary="Rename, suspend or activate a tenant")
async def update_platform_tenant(
    visit: OperatorVisit, tenant_id: str, payload: PlatformTenantPatch, reply: Replying
) -> PlatformTenant:
    """A suspended tenant's requests get 403 within a second. `active` also takes a deletion back."""
    return reply.tag(await service.update_tenant(visit, tenant_id, payload, reply.expected_version))


@router.delete(
    "/tenants/{tenant_id}",
    status_code=202,
    summary="Delete a tenant",
    response_model=PlatformTenant,
    responses={204: {"description": "Dropped"}},
)
async def delete_platform_tenant(
    visit: OperatorVisit,
    tenant_id: str,
    reply: Replying,
    confirm: Annotated[str | None, Query(max_length=64, description="The id again: drop the data now.")] = None,
) -> PlatformTenant | Response:
    """Marks the tenant: it is not served any more, and dropped when its grace is over. With `confirm` it is dropped at
    once, for good: 204."""
    marked = await service.delete_tenant(visit, tenant_id, confirm, reply.expected_version)
    return Response(status_code=204) if marked is None else reply.tag(marked)


@router.post(
    "/tenants/{tenant_id}/export",
    summary="Export a tenant",
    response_class=FileResponse,
    responses={200: {"content": {ARCHIVE: {"schema": BINARY}}, "headers": named_file("ETag")}},
)
async def export_tenant(visit: OperatorVisit, tenant_id: str) -> FileResponse:
    """An archive with a manifest and checksums, read in one snapshot."""
    path = await service.export_tenant(visit, tenant_id)
    name = f"{service.read_name(tenant_id).schema}.tar.gz"
    return FileResponse(
        path, media_type=ARCHIVE, filename=name, background=BackgroundTask(path.unlink, missing_ok=True)
    )


@router.post(
    "/tenants/{tenant_id}/clone", status_code=201, summary="Clone a tenant", responses=problem_responses({409})
)
async def clone_tenant(visit: OperatorVisit, tenant_id: str, payload: CloneRequest, reply: Replying) -> PlatformTenant:
    """A copy under another id, with no session, key or mailed link alive."""
    copy = await service.clone_tenant(visit, tenant_id, payload.target, activate=payload.activate)
    return reply.created(copy, below=TENANTS)


@router.get("/migrations", summary="State of the fleet")
async def get_fleet_state(visit: OperatorVisit) -> FleetState:
    """How many tenants are at the revision of this version, and which are not."""
    return await service.describe_fleet(visit)


@router.get("/audit-logs", summary="List the platform's audit log")
async def list_platform_audit_logs(  # noqa: PLR0917 - FastAPI calls it by keyword
    visit: OperatorVisit,
    listing: PlainListing,
    reply: Replying,
    action: Annotated[str | None, Query(max_length=128, description="A trailing `*` stands for any ending.")] = None,
    tenant_id: Annotated[str | None, Query(max_length=64, description="Also of a tenant that is gone.")] = None,
    since: Annotated[GivenTime | None, Query(alias="from", description="From this moment on.")] = None,
    until: Annotated[GivenTime | None, Query(alias="to", description="Before this moment.")] = None,
) -> Page[PlatformAuditLog]:
    """What happened to tenants, platform keys and system settings, newest first: a log that outlives the tenants it
    tells of. Sort by `seq`; `q` searches action, actor and target."""
    name = service.read_name(tenant_id).tenant_id if tenant_id is not None else None
    return reply.page(await log.list_log(visit, listing, LogFilter(action, name, since, until)))


@router.get("/keys", summary="List platform keys")
async def list_platform_keys(visit: OperatorVisit, listing: Listing, reply: Replying) -> Page[PlatformKey]:
    """Keys made here, newest first; the configured first key is not among them. Sort by `created_at`."""
    return reply.page(await keys.list_keys(visit, listing))


@router.post("/keys", status_code=201, summary="Create a platform key")
async def create_platform_key(
    visit: OperatorVisit, payload: PlatformKeyCreate, response: Response
) -> PlatformKeyCreated:
    """The key is in this answer and never shown again."""
    created = await keys.create_key(visit, payload.name)
    response.headers["Location"] = f"/api/v1/platform/keys/{created.id}"
    return created


@router.get("/keys/{key_id}", summary="Get a platform key")
async def get_platform_key(visit: OperatorVisit, key_id: UUID) -> PlatformKey:
    """Without its secret; also one that is revoked."""
    return await keys.get_key(visit, key_id)


@router.delete("/keys/{key_id}", status_code=204, summary="Revoke a platform key")
async def revoke_platform_key(visit: OperatorVisit, key_id: UUID) -> None:
    """At once, everywhere. A second time: 404."""
    await keys.revoke_key(visit, key_id)
