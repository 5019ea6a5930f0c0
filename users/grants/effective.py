"""What a user may do in the end, and why: the union over roles, teams' roles and direct grants, less what is denied."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from database import ReadUnit
from serving.services import Services
from shared_auth import Level
from users.auth.principals import strongest
from users.grants.schemas import EffectivePermission, EffectivePermissions, PermissionExplanation, PermissionSource
from users.grants.service import get_version
from users.permissions import get_permission
from users.rights.queries import list_ways
from users.schemas import RoleRef


async def describe_effective(unit: ReadUnit, user_id: UUID) -> EffectivePermissions:
    """All that a user may do, with the sources of each permission. Raises NotFound."""
    await get_version(unit, user_id)
    ways = await list_ways(unit, user_id)
    levels = _levels(ways)
    permissions = [
        EffectivePermission(permission=name, level=levels[name], sources=_grants(list(group)))
        for name, group in groupby(ways, key=attrgetter("permission"))
        if name in levels
    ]
    return EffectivePermissions(
        permissions=permissions, denied=[way.permission for way in ways if way.effect == "deny"]
    )


async def explain(unit: ReadUnit, user_id: UUID, permission: str, services: Services) -> PermissionExplanation:
    """Whether a user holds one permission, and why. Raises NotFound or UnknownReference."""
    get_permission(permission, services.catalogue, pointer="/query/permission")
    await get_version(unit, user_id)
    ways = await list_ways(unit, user_id, permission)
    level = _levels(ways).get(permission)
    denials = [_source(way) for way in ways if way.effect == "deny"]
    return PermissionExplanation(
        allowed=level is not None, level=level, grants=_grants(ways), denied_by=denials[0] if denials else None
    )


def _levels(ways: Sequence[Row[Any]]) -> dict[str, Level]:
    allowed = [(way.permission, way.level) for way in ways if way.effect == "allow"]
    return strongest(allowed, frozenset(way.permission for way in ways if way.effect == "deny"))


def _grants(ways: Sequence[Row[Any]]) -> list[PermissionSource]:
    return [_source(way) for way in ways if way.effect == "allow"]


def _source(way: Row[Any]) -> PermissionSource:
    if way.role_id is None:
        return PermissionSource(type="direct", id=None, name=None, level=way.level)
    if way.team_id is None:
        return PermissionSource(type="role", id=way.role_id, name=way.role_name, level=way.level)
    role = RoleRef(id=way.role_id, name=way.role_name)
    return PermissionSource(type="team", id=way.team_id, name=way.team_name, role=role, level=way.level)
