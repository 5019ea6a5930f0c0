"""``/users/roles`` and ``/users/permissions``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from dependencies import Listing, Read, Replying, Requires, Route
from shared_auth import Principal
from shared_models import Page
from users.roles import service
from users.roles.schemas import Permission, Role

router = APIRouter(prefix="/users", tags=["roles"], route_class=Route)

RolesReader = Annotated[Principal, Depends(Requires("roles:read"))]


@router.get("/roles", summary="List roles")
async def list_roles(unit: Read, _actor: RolesReader, listing: Listing, reply: Replying) -> Page[Role]:
    """Roles with their permissions, highest rank first. Sort by `rank`, `name` or `created_at`."""
    return reply.page(await service.list_roles(unit, listing))


@router.get("/permissions", summary="List permissions")
async def list_permissions(unit: Read, _actor: RolesReader, listing: Listing, reply: Replying) -> Page[Permission]:
    """Everything that can be permitted, by name."""
    return reply.page(await service.list_permissions(unit, listing))
