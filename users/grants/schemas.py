"""The shapes of what one user holds."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared_auth import Level
from shared_models import Page, Payload, Shape, Timestamp
from users.accounts.schemas import Ids
from users.roles.schemas import PermissionText, Role
from users.schemas import RoleRef

Effect = Literal["allow", "deny"]
PermissionName = Annotated[str, Field(examples=["tasks:update"])]


class UserRolesReplace(Payload):
    """All roles that a user is to hold directly."""

    role_ids: Ids = Field(examples=[["01a2070b-d702-75af-a80e-ace08e3a517f"]])


class UserRoles(Page[Role]):
    """The roles a user holds directly, highest rank first; always one page. ``version`` is the user's."""

    version: int = Field(examples=[3])


class PermissionSet(Payload):
    """A permission given to, or taken from, one user. A denial takes all levels, so it has none."""

    permission: Annotated[PermissionText, Field(examples=["tasks:update"])]
    effect: Effect = Field(examples=["allow"])
    level: Level = "all"


class UserPermissionsReplace(Payload):
    """All permissions that are given to, or taken from, a user directly."""

    permissions: list[PermissionSet] = Field(
        max_length=200, examples=[[{"permission": "tasks:update", "effect": "allow", "level": "team"}]]
    )


class UserPermission(Shape):
    """A permission given to, or taken from, one user. A denial wins over every grant."""

    permission: PermissionName
    effect: Effect
    level: Level
    granted_by: UUID | None
    granted_at: Timestamp


class UserPermissions(Page[UserPermission]):
    """What is given to, or taken from, a user directly, by name; always one page. ``version`` is the user's."""

    version: int = Field(examples=[3])


class PermissionSource(Shape):
    """One way in which a permission is held: a role of the user's own, a team's role, or directly."""

    type: Literal["role", "team", "direct"]
    id: UUID | None = Field(description="Of the role or the team; null for a direct grant.")
    name: str | None = Field(examples=["Reservations"])
    role: RoleRef | None = Field(default=None, description="The team's role that holds it.")
    level: Level


class EffectivePermission(Shape):
    """A permission that is held, at the highest level of its sources."""

    permission: PermissionName
    level: Level
    sources: list[PermissionSource]


class EffectivePermissions(Shape):
    """What roles, teams' roles and direct grants come to, without what is denied."""

    permissions: list[EffectivePermission]
    denied: list[PermissionName]


class PermissionExplanation(Shape):
    """Whether a permission is held, every way in which it is granted, and what denies it all the same."""

    allowed: bool
    level: Level | None
    grants: list[PermissionSource]
    denied_by: PermissionSource | None
