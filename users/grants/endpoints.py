"""``/users/{id}/roles``, ``/permissions`` and ``/effective-permissions``, and ``/users/permissions/explain``."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from dependencies import Provided, Read, Replying, Requires, Route, Write
from shared_auth import Principal
from users.grants import effective, service
from users.grants.schemas import (
    EffectivePermissions,
    PermissionExplanation,
    UserPermissions,
    UserPermissionsReplace,
    UserRoles,
    UserRolesReplace,
)

router = APIRouter(prefix="/users", tags=["grants"], route_class=Route)

UsersReader = Annotated[Principal, Depends(Requires("users:read"))]
UsersEditor = Annotated[Principal, Depends(Requires("users:update"))]


@router.get("/permissions/explain", summary="Explain why somebody may do something")
async def explain_permission(
    unit: Read,
    _actor: UsersReader,
    services: Provided,
    user_id: UUID,
    permission: Annotated[str, Query(max_length=80, examples=["tasks:update"])],
) -> PermissionExplanation:
    """Every way in which the permission is granted, also if a denial makes them void."""
    return await effective.explain(unit, user_id, permission, services)


@router.get("/{user_id}/roles", summary="List a user's roles")
async def list_user_roles(unit: Read, _actor: UsersReader, user_id: UUID, reply: Replying) -> UserRoles:
    """The roles held directly; those of the user's teams are in `effective-permissions`. The ETag is the user's."""
    return reply.tag(await service.list_user_roles(unit, user_id))


@router.put("/{user_id}/roles", summary="Replace a user's roles")
async def replace_user_roles(
    unit: Write, actor: UsersEditor, user_id: UUID, payload: UserRolesReplace, reply: Replying
) -> UserRoles:
    """Acts on the user's next request. Nobody gives or takes away a role that holds more than he does, or changes the
    roles of one who outranks him; taking the owner role from the last owner is refused with 409 `last_owner`."""
    return reply.tag(await service.replace_user_roles(unit, actor, user_id, payload, reply.expected_version))


@router.get("/{user_id}/permissions", summary="List a user's direct permissions")
async def list_user_permissions(unit: Read, _actor: UsersReader, user_id: UUID, reply: Replying) -> UserPermissions:
    """What is given to the user, or taken away, beside all roles. The ETag is the user's."""
    return reply.tag(await service.list_user_permissions(unit, user_id))


@router.put("/{user_id}/permissions", summary="Replace a user's direct permissions")
async def replace_user_permissions(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write,
    actor: UsersEditor,
    user_id: UUID,
    payload: UserPermissionsReplace,
    services: Provided,
    reply: Replying,
) -> UserPermissions:
    """Acts on the user's next request. A denial wins over every grant. The rules are those of roles: nobody gives,
    denies or takes back what he does not hold."""
    return reply.tag(
        await service.replace_user_permissions(unit, actor, user_id, payload, services, reply.expected_version)
    )


@router.get("/{user_id}/effective-permissions", summary="List what a user may do")
async def get_effective_permissions(unit: Read, _actor: UsersReader, user_id: UUID) -> EffectivePermissions:
    """The union over roles, teams' roles and direct grants, less what is denied, with the sources of each."""
    return await effective.describe_effective(unit, user_id)
