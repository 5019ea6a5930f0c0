"""The rules of giving one user roles and permissions, and taking them away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Row

from common.audit import Change, Target
from common.clock import now
from common.errors import NotFound, Unprocessable
from database import ReadUnit, WriteUnit
from serving.services import Services
from shared_auth import LEVEL_ORDER, Level, Principal
from users.auth.principals import forget_rights
from users.grants import queries
from users.grants.schemas import (
    Effect,
    PermissionSet,
    UserPermission,
    UserPermissions,
    UserPermissionsReplace,
    UserRoles,
    UserRolesReplace,
)
from users.permissions import get_permission
from users.rights import rules
from users.rights.queries import find_roles, touch_user
from users.roles.queries import list_roles_of_user
from users.roles.schemas import Role


class Entry(NamedTuple):
    """What is said of one permission of one user."""

    effect: Effect
    level: Level

    @property
    def text(self) -> str:
        """As the audit log shows it."""
        return self.effect if self.effect == "deny" else f"{self.effect}:{self.level}"


async def list_user_roles(unit: ReadUnit, user_id: UUID) -> UserRoles:
    """The roles a user holds directly. Raises NotFound."""
    version = await get_version(unit, user_id)
    roles = [Role.model_validate(row) for row in await list_roles_of_user(unit, user_id)]
    return UserRoles(items=roles, version=version)


async def replace_user_roles(
    unit: WriteUnit, actor: Principal, user_id: UUID, payload: UserRolesReplace, expected_version: int | None
) -> UserRoles:
    """Have a user hold exactly these roles directly. Raises PermissionDenied, LastOwner or UnknownReference."""
    user = await rules.lock_user(unit, user_id, expected_version)
    current = await rules.lock_rights(unit, actor, "users:update")
    await rules.check_rank(unit, current, user_id)
    before, after = await queries.list_role_ids(unit, user_id), set(payload.role_ids)
    wanted = await rules.get_roles(unit, payload.role_ids)
    if before != after:
        lost = await find_roles(unit, list(before - after))
        rules.check_roles(current, [*(role for role in wanted if role.id not in before), *lost])
        moment = now()
        await queries.delete_roles(unit, user_id, before - after)
        await queries.insert_roles(unit, user_id, after - before, actor.user_id, moment)
        await rules.keep_an_owner(unit)
        await touch_user(unit, user_id, moment)
        _audit(unit, "roles_replaced", user_id, user, [Change("role_ids", _sorted(before), _sorted(after))])
    return await list_user_roles(unit, user_id)


async def list_user_permissions(unit: ReadUnit, user_id: UUID) -> UserPermissions:
    """What is given to, or taken from, a user directly. Raises NotFound."""
    version = await get_version(unit, user_id)
    entries = [UserPermission.model_validate(row) for row in await queries.list_permissions(unit, user_id)]
    return UserPermissions(items=entries, version=version)


async def replace_user_permissions(  # noqa: PLR0917 - what every replacement takes, and the catalogue
    unit: WriteUnit,
    actor: Principal,
    user_id: UUID,
    payload: UserPermissionsReplace,
    services: Services,
    expected_version: int | None,
) -> UserPermissions:
    """Have exactly these be given and taken directly. Raises PermissionDenied, LastOwner or UnknownReference."""
    after = _read_entries(payload, services)
    user = await rules.lock_user(unit, user_id, expected_version)
    current = await rules.lock_rights(unit, actor, "users:update")
    await rules.check_rank(unit, current, user_id)
    found = await queries.list_permissions(unit, user_id)
    before = {row.permission: Entry(row.effect, row.level) for row in found}
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if changed:
        stakes = {name: _stake(before.get(name), after.get(name)) for name in changed}
        rules.check_holds(current, stakes, "This change")
        moment = now()
        given = {"user_id": user_id, "granted_by": actor.user_id, "granted_at": moment}
        rows = [{**given, "permission": name, **after[name]._asdict()} for name in changed if name in after]
        await queries.replace_permissions(unit, user_id, changed, rows)
        await rules.keep_an_owner(unit)
        await touch_user(unit, user_id, moment)
        _audit(unit, "permissions_replaced", user_id, user, _changes(changed, before, after))
    return await list_user_permissions(unit, user_id)


async def get_version(unit: ReadUnit, user_id: UUID) -> int:
    """The version of a living user. Raises NotFound."""
    version = await queries.find_version(unit, user_id)
    if version is None:
        raise NotFound("There is no such user.")
    return version


def _read_entries(payload: UserPermissionsReplace, services: Services) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for number, item in enumerate(payload.permissions):
        pointer = f"/body/permissions/{number}"
        if item.permission in entries:
            raise Unprocessable(f"{item.permission} appears twice.", pointer=f"{pointer}/permission")
        entries[item.permission] = _read_entry(item, services, pointer)
    return entries


def _read_entry(item: PermissionSet, services: Services, pointer: str) -> Entry:
    known = get_permission(item.permission, services.catalogue, pointer=f"{pointer}/permission")
    if item.effect == "deny" and item.level != "all":
        raise Unprocessable("A denial takes all levels; leave the level out.", pointer=f"{pointer}/level")
    if item.level != "all" and not known.levelled:
        raise Unprocessable("This permission has no levels: it is held or not.", pointer=f"{pointer}/level")
    return Entry(item.effect, item.level)


def _stake(before: Entry | None, after: Entry | None) -> Level:
    """What a change is about at most, and its author must hold: denials and their ends are about everything."""
    levels: list[Level] = ["all" if entry.effect == "deny" else entry.level for entry in (before, after) if entry]
    return max(levels, key=LEVEL_ORDER.__getitem__)


def _changes(changed: list[str], before: Mapping[str, Entry], after: Mapping[str, Entry]) -> list[Change]:
    def text(entry: Entry | None) -> str | None:
        return entry.text if entry else None

    return [Change(f"permissions.{name}", text(before.get(name)), text(after.get(name))) for name in changed]


def _sorted(ids: set[UUID]) -> list[str]:
    return sorted(str(item) for item in ids)


def _audit(unit: WriteUnit, verb: str, user_id: UUID, user: Row[tuple[str, int]], changes: list[Change]) -> None:
    unit.audit(f"users.user.{verb}", target=Target("user", str(user_id), user.username), changes=changes)
    forget_rights(unit)
