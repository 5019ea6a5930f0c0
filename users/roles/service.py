"""The rules of roles: who may make, edit and delete which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.audit import Change, Target, differences
from common.clock import now
from common.errors import NotFound, RoleIsSystem, VersionConflict
from common.paging import ListQuery
from database import ReadUnit, WriteUnit
from serving.loading import Past, begin
from serving.services import Services
from shared_auth import Level, Principal
from shared_models import Page, page_of
from users.auth.principals import forget_rights
from users.permissions import permission_text, read_permissions
from users.rights import rules
from users.rights.queries import find_roles
from users.roles import queries
from users.roles.schemas import Permission, Role, RoleCreate, RolePatch, RoleReplace

CUSTOM_RANK: Final = 10  # below every system role: who holds only custom roles edits nobody who has one of those


async def list_roles(unit: ReadUnit, query: ListQuery) -> Page[Role]:
    """A page of roles, highest rank first."""
    found = await queries.list_roles(unit, query)
    return page_of(Role, found)


async def list_permissions(unit: ReadUnit, query: ListQuery) -> Page[Permission]:
    """A page of the catalogue, by name."""
    found = await queries.list_permissions(unit, query)
    return page_of(Permission, found)


async def get_role(unit: ReadUnit, role_id: UUID) -> Role:
    """One role. Raises NotFound."""
    row = await queries.find_role(unit, role_id)
    if row is None:
        raise NotFound("There is no such role.")
    return Role.model_validate(row)


async def create_role(
    unit: WriteUnit, actor: Principal, payload: RoleCreate, services: Services, past: Past | None = None
) -> Role:
    """A new role. Raises RoleNameTaken, UnknownReference, or PermissionDenied if it would hold more than the actor."""
    grants = read_permissions(payload.permissions, services.catalogue, pointer="/body/permissions")
    current = await rules.lock_rights(unit, actor, "roles:create")
    rules.check_holds(current, grants, "The role")
    begun = begin(past)
    role_id = begun.id
    values = {"name": payload.name, "description": payload.description}
    # No role outranks the one who makes it: he could not even edit it.
    rank = min(CUSTOM_RANK, current.rank)
    times = {"created_at": begun.created_at, "updated_at": begun.updated_at}
    await queries.insert_role(unit, {**values, "id": role_id, "rank": rank, **times})
    await queries.replace_grants(unit, role_id, grants)
    _audit(unit, "created", role_id, payload.name, differences({}, {**values, "permissions": _texts(grants)}))
    return await get_role(unit, role_id)


async def replace_role(  # noqa: PLR0917 - what every replacement takes, and the catalogue
    unit: WriteUnit,
    actor: Principal,
    role_id: UUID,
    payload: RoleReplace,
    services: Services,
    expected_version: int | None,
) -> Role:
    """Set all editable fields."""
    return await _change_role(unit, actor, role_id, payload.model_dump(), services, expected_version)


async def update_role(  # noqa: PLR0917 - what every change takes, and the catalogue
    unit: WriteUnit,
    actor: Principal,
    role_id: UUID,
    payload: RolePatch,
    services: Services,
    expected_version: int | None,
) -> Role:
    """Set the given fields."""
    values = payload.model_dump(exclude_unset=True)
    return await _change_role(unit, actor, role_id, values, services, expected_version)


async def delete_role(unit: WriteUnit, actor: Principal, role_id: UUID, expected_version: int | None) -> None:
    """Delete a role; who holds it loses it in the same commit."""
    await queries.lock_holders(unit, role_id)
    current = await rules.lock_rights(unit, actor, "roles:delete")
    role = await _get_editable(unit, current, role_id, expected_version)
    users, teams = await queries.touch_holders(unit, role_id, now())
    await queries.delete_role(unit, role_id)
    held = [Change("permissions", _texts(role.grants), None), Change("users", users, 0), Change("teams", teams, 0)]
    _audit(unit, "deleted", role_id, role.name, held)
    forget_rights(unit)


async def _change_role(  # noqa: PLR0917 - what every change takes, and the catalogue
    unit: WriteUnit,
    actor: Principal,
    role_id: UUID,
    values: dict[str, Any],
    services: Services,
    expected_version: int | None,
) -> Role:
    texts = values.pop("permissions", None)
    given = None if texts is None else read_permissions(texts, services.catalogue, pointer="/body/permissions")
    if "name" in values:
        await queries.lock_holders(unit, role_id)
    current = await rules.lock_rights(unit, actor, "roles:update")
    role = await _get_editable(unit, current, role_id, expected_version)
    grants: Mapping[str, Level] = role.grants if given is None else given
    rules.check_holds(current, grants, "The role")
    before = {"name": role.name, "description": role.description, "permissions": _texts(role.grants)}
    changes = differences(before, {**values, "permissions": _texts(grants)})
    if changes:
        await _write(unit, role, values, grants)
        _audit(unit, "updated", role_id, values.get("name", role.name), changes)
        forget_rights(unit)
    return await get_role(unit, role_id)


async def _write(unit: WriteUnit, role: Row[Any], values: Mapping[str, Any], grants: Mapping[str, Level]) -> None:
    moment = now()
    await queries.update_role(unit, role.id, {**values, "updated_at": moment})
    if grants != role.grants:
        await queries.replace_grants(unit, role.id, grants)
    if values.get("name", role.name) != role.name:
        await queries.touch_holders(unit, role.id, moment)


async def _get_editable(unit: ReadUnit, current: Principal, role_id: UUID, expected_version: int | None) -> Row[Any]:
    """The role, which the lock on rights keeps as it is. Raises what forbids to edit it."""
    found = await find_roles(unit, [role_id])
    if not found:
        raise NotFound("There is no such role.")
    (role,) = found
    if role.is_system:
        raise RoleIsSystem
    if expected_version not in {None, role.version}:
        raise VersionConflict
    rules.check_roles(current, [role])
    return role


def _texts(grants: Mapping[str, Level]) -> list[str]:
    return sorted(permission_text(name, level) for name, level in grants.items())


def _audit(unit: WriteUnit, verb: str, role_id: UUID, name: str, changes: Sequence[Change]) -> None:
    unit.audit(f"users.role.{verb}", target=Target("role", str(role_id), name), changes=changes)
