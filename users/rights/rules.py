"""The rules by which rights change hands (PROMISES R2), the same for every way of doing it.

Nobody gives or takes away what he does not hold himself, level included. Nobody changes the rights of one who outranks
him. An owner stays. To hold under concurrency too, all changes of rights in a tenant stand in line (``lock_rights``),
and the actor is judged by the rights left to him when his turn has come, not by those he had when he was let in.

The order of locks is: the user's row, then ``lock_rights``, then everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.errors import LastOwner, NotFound, PermissionDenied, Unauthenticated, UnknownReference, VersionConflict
from database import ReadUnit, WriteUnit
from shared_auth import LEVEL_ORDER, Level, Principal, authorize
from users.auth.principals import load_owner, strongest
from users.permissions import permission_text
from users.rights import queries

MAX_NAMED: Final = 5  # permissions that a refusal names


async def lock_user(unit: WriteUnit, user_id: UUID, expected_version: int | None = None) -> Row[Any]:
    """A living user's name and version, locked. Raises NotFound or VersionConflict. Goes before ``lock_rights``."""
    user = await queries.lock_user(unit, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    if expected_version not in {None, user.version}:
        raise VersionConflict
    return user


async def lock_rights(unit: WriteUnit, actor: Principal, permission: str) -> Principal:
    """Wait for the changes of rights before this one; answers the actor with what they have left to him.

    Raises PermissionDenied if the permission for what he is about to do was lost meanwhile.
    """
    await queries.lock_rights(unit)
    user = await load_owner(unit, tenant=actor.tenant, user_id=actor.user_id)
    if user is None:
        raise Unauthenticated
    current = replace(actor, rank=min(actor.rank, user.rank), permissions=_weaker(actor.permissions, user.permissions))
    authorize(current, permission)
    return current


def check_holds(actor: Principal, grants: Mapping[str, Level], what: str) -> None:
    """Raise PermissionDenied, naming what is missing, unless the actor holds all of ``grants``."""
    held = actor.permissions
    lacking = [name for name, level in grants.items() if LEVEL_ORDER[level] > LEVEL_ORDER.get(held.get(name, ""), 0)]
    if lacking:
        texts = sorted(permission_text(name, grants[name]) for name in lacking)[:MAX_NAMED]
        raise PermissionDenied(f"{what} holds more than you do: {', '.join(texts)}.", permission=min(lacking))


def check_roles(actor: Principal, roles: Sequence[Row[Any]]) -> None:
    """Raise PermissionDenied unless the actor may give, take away and edit these roles."""
    for role in roles:
        if role.rank > actor.rank:
            raise PermissionDenied(f"The role {role.name} is higher than yours.")
        check_holds(actor, role.grants, f"The role {role.name}")


async def check_new_user(
    unit: WriteUnit, actor: Principal, permission: str, role_ids: Sequence[UUID], team_ids: Sequence[UUID]
) -> None:
    """Raise unless the actor, who needs ``permission``, may make somebody who has these roles and is in these teams."""
    if role_ids or team_ids:
        current = await lock_rights(unit, actor, permission)
        check_roles(current, await get_roles(unit, role_ids))
        check_roles(current, await get_roles_of_teams(unit, team_ids))


async def check_rank(unit: ReadUnit, actor: Principal, user_id: UUID) -> None:
    """Raise PermissionDenied if the user outranks the actor."""
    standing = await queries.find_standing(unit, user_id)
    if standing is not None and standing.rank > actor.rank:
        raise PermissionDenied("The user holds a higher role than yours.")


async def check_standing(unit: ReadUnit, actor: Principal, user_id: UUID) -> None:
    """Raise PermissionDenied unless the actor may give everything a user holds, who may be a deleted one."""
    ways = await queries.list_ways(unit, user_id)
    held = strongest([(way.permission, way.level) for way in ways if way.effect == "allow"], frozenset())
    check_holds(actor, held, "The user")
    check_roles(actor, await queries.find_roles(unit, [way.role_id for way in ways if way.role_id is not None]))


async def get_roles(unit: ReadUnit, role_ids: Sequence[UUID], *, pointer: str = "/body/role_ids") -> list[Row[Any]]:
    """The roles. Raises UnknownReference, pointing at the first that does not exist."""
    roles = await queries.find_roles(unit, role_ids) if role_ids else []
    _check_known("role", role_ids, {role.id for role in roles}, pointer)
    return roles


async def get_roles_of_teams(
    unit: ReadUnit, team_ids: Sequence[UUID], *, pointer: str = "/body/team_ids"
) -> list[Row[Any]]:
    """The roles that these teams carry. Raises UnknownReference, pointing at the first team that does not exist."""
    teams = await queries.find_team_roles(unit, team_ids) if team_ids else []
    _check_known("team", team_ids, {team.id for team in teams}, pointer)
    return await get_roles(unit, [role_id for team in teams for role_id in team.role_ids or ()])


async def keep_an_owner(unit: ReadUnit) -> None:
    """Raise LastOwner if the changes made so far leave nobody who can act as an owner."""
    if await queries.find_an_owner(unit) is None:
        raise LastOwner


def _weaker(some: Mapping[str, Level], others: Mapping[str, Level]) -> dict[str, Level]:
    """What is in both: an API key may do less than its owner, and a cached principal may be a moment old."""
    shared = some.keys() & others.keys()
    return {name: min(some[name], others[name], key=LEVEL_ORDER.__getitem__) for name in shared}


def _check_known(kind: str, asked: Sequence[UUID], known: set[UUID], pointer: str) -> None:
    for number, item in enumerate(asked):
        if item not in known:
            raise UnknownReference(f"There is no such {kind}.", pointer=f"{pointer}/{number}")
