"""``/users/roles`` and ``/users/permissions``."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from dependencies import Listing, PlainListing, Provided, Read, ReplicaRead, Replying, Requires, Route, Write
from shared_auth import Principal
from shared_models import Page
from users.roles import service
from users.roles.schemas import Permission, Role, RoleCreate, RolePatch, RoleReplace

router = APIRouter(prefix="/users", tags=["roles"], route_class=Route)

RolesReader = Annotated[Principal, Depends(Requires("roles:read"))]
RolesCreator = Annotated[Principal, Depends(Requires("roles:create"))]
RolesEditor = Annotated[Principal, Depends(Requires("roles:update"))]
RolesDeleter = Annotated[Principal, Depends(Requires("roles:delete"))]


@router.get("/roles", summary="List roles")
async def list_roles(unit: ReplicaRead, _actor: RolesReader, listing: Listing, reply: Replying) -> Page[Role]:
    """Roles with their permissions, highest rank first. Sort by `rank`, `name` or `created_at`."""
    return reply.page(await service.list_roles(unit, listing))


@router.post("/roles", status_code=201, summary="Create a role")
async def create_role(
    unit: Write, actor: RolesCreator, payload: RoleCreate, services: Provided, reply: Replying
) -> Role:
    """Nobody can put into a role what he does not hold himself."""
    return reply.created(await service.create_role(unit, actor, payload, services))


@router.get("/roles/{role_id}", summary="Get a role")
async def get_role(unit: Read, _actor: RolesReader, role_id: UUID, reply: Replying) -> Role:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_role(unit, role_id))


@router.put("/roles/{role_id}", summary="Replace a role's fields")
async def replace_role(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write, actor: RolesEditor, role_id: UUID, payload: RoleReplace, services: Provided, reply: Replying
) -> Role:
    """Acts on the next request of everybody who holds the role. System roles are refused with 409 `system_role`, and
    roles that hold more than you do with 403."""
    return reply.tag(await service.replace_role(unit, actor, role_id, payload, services, reply.expected_version))


@router.patch("/roles/{role_id}", summary="Change some of a role's fields")
async def update_role(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write, actor: RolesEditor, role_id: UUID, payload: RolePatch, services: Provided, reply: Replying
) -> Role:
    """Sets the fields given and leaves the others; `permissions` are replaced as a whole."""
    return reply.tag(await service.update_role(unit, actor, role_id, payload, services, reply.expected_version))


@router.delete("/roles/{role_id}", status_code=204, summary="Delete a role")
async def delete_role(unit: Write, actor: RolesDeleter, role_id: UUID, reply: Replying) -> None:
    """Takes the role from everybody who holds it, directly or through a team."""
    await service.delete_role(unit, actor, role_id, reply.expected_version)


@router.get("/permissions", summary="List permissions")
async def list_permissions(unit: Read, _actor: RolesReader, listing: PlainListing, reply: Replying) -> Page[Permission]:
    """Everything that can be permitted, by name."""
    return reply.page(await service.list_permissions(unit, listing))
