"""``/auth/initialize-tenant`` and ``/auth/verify-tenant``."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from common.http.openapi import problem_responses
from dependencies import NamedVisit, PlatformVisit, Route
from serving.guards import read_operator
from users.limits import spend_open_request
from users.tenants import service
from users.tenants.schemas import TenantCreate, TenantCreated, TenantDetails, TenantState

router = APIRouter(prefix="/auth", tags=["tenants"], route_class=Route)


@router.post("/initialize-tenant", status_code=201, summary="Create a tenant", responses=problem_responses({409}))
async def initialize_tenant(visit: PlatformVisit, payload: TenantCreate, response: Response) -> TenantCreated:
    """Creates schema, tables, system roles and the first administrator, who owns the tenant, in one transaction."""
    created = await service.create_tenant(visit, payload)
    response.headers["Location"] = f"/api/v1/platform/tenants/{created.tenant_id}"
    return created


@router.post("/verify-tenant", summary="Ask whether a tenant is ready")
async def verify_tenant(visit: NamedVisit, request: Request) -> TenantDetails | TenantState:
    """Open to anybody; with a platform key the answer has details."""
    if "x-platform-key" not in request.headers:
        await spend_open_request(visit)
        return await service.describe_state(visit)
    await read_operator(visit, request)
    return await service.describe_details(visit)
