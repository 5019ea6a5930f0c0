"""The rules of accounts: who may be made, changed and deleted by whom, and what goes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from common.audit import Change, Target, differences
from common.clock import now
from common.errors import LastOwner, NotFound, PermissionDenied, UnknownReference, VersionConflict
from common.ids import new_id
from common.paging import ListQuery
from database import ReadUnit, WriteUnit
from dependencies import Services
from shared_auth import LEVEL_ORDER, Principal
from shared_models import Page
from users.accounts import queries
from users.accounts.schemas import UserCreate, UserPatch, UserReplace
from users.passwords import check_password
from users.schemas import User, normalize_email, normalize_username

NORMALIZED: Final = {"email": normalize_email, "username": normalize_username}


async def list_users(
    unit: ReadUnit, query: ListQuery, *, is_active: bool | None, role: str | None, team: str | None
) -> Page[User]:
    """A page of users."""
    found = await queries.list_users(unit, query, is_active=is_active, role=role, team=team)
    users = [User.model_validate(row) for row in found.rows]
    return Page(items=users, next_cursor=found.next_cursor, total=found.total)


async def get_user(unit: ReadUnit, user_id: UUID) -> User:
    """One user. Raises NotFound."""
    row = await queries.find_user(unit, user_id)
    if row is None:
        raise NotFound("There is no such user.")
    return User.model_validate(row)


async def create_user(unit: WriteUnit, actor: Principal, payload: UserCreate, services: Services) -> User:
    """A new user with its roles and teams. Raises EmailTaken, UsernameTaken, PasswordRefused, PermissionDenied."""
    password_hash = None
    if payload.password is not None:
        check_password(payload.password, services.config)
        password_hash = await services.passwords.hash(payload.password)  # before the first SQL: no connection waits
    user_id, moment = new_id(), now()
    values = payload.model_dump(exclude={"password", "role_ids", "team_ids"})
    through_teams = await queries.list_team_roles(unit, payload.team_ids) if payload.team_ids else []
    await _check_grants(unit, actor, [*payload.role_ids, *through_teams])
    await queries.insert_user(
        unit,
        {
            **_with_normalized(values),
            "id": user_id,
            "password_hash": password_hash,
            "password_changed_at": moment if password_hash else None,
            "created_at": moment,
            "updated_at": moment,
        },
    )
    if payload.role_ids:
        await queries.insert_roles(unit, user_id, _unique(payload.role_ids), actor.user_id)
    if payload.team_ids:
        await queries.insert_memberships(unit, user_id, _unique(payload.team_ids))
    _audit(unit, "created", user_id, payload.username, [*differences({}, values), *_link_changes(payload)])
    return await get_user(unit, user_id)


async def replace_user(
    unit: WriteUnit, actor: Principal, user_id: UUID, payload: UserReplace, expected_version: int | None
) -> User:
    """Set all editable fields."""
    return await _change_user(unit, actor, user_id, payload.model_dump(), expected_version)


async def update_user(
    unit: WriteUnit, actor: Principal, user_id: UUID, payload: UserPatch, expected_version: int | None
) -> User:
    """Set the given fields."""
    return await _change_user(unit, actor, user_id, payload.model_dump(exclude_unset=True), expected_version)


async def delete_user(
    unit: WriteUnit, actor: Principal, user_id: UUID, expected_version: int | None, services: Services
) -> None:
    """Delete a user; sessions and keys end in the same commit, name and address become free."""
    before = await _lock(unit, actor, user_id, expected_version)
    await _keep_an_owner(unit, user_id)
    moment = now()
    await queries.update_user(unit, user_id, {"deleted_at": moment, "updated_at": moment})
    await queries.end_access(unit, user_id, moment, "user_deleted")
    _audit(unit, "deleted", user_id, before["username"], [])
    unit.after_commit(lambda: services.forget_user(user_id))


async def _change_user(
    unit: WriteUnit, actor: Principal, user_id: UUID, values: dict[str, Any], expected_version: int | None
) -> User:
    before = await _lock(unit, actor, user_id, expected_version)
    changes = differences(before, values)
    if changes:
        moment = now()
        if before["is_active"] and values.get("is_active") is False:
            await _keep_an_owner(unit, user_id)
            await queries.end_access(unit, user_id, moment, "user_deactivated")
        verified = {} if values.get("email", before["email"]) == before["email"] else {"is_verified": False}
        await queries.update_user(unit, user_id, {**_with_normalized(values), **verified, "updated_at": moment})
        _audit(unit, "updated", user_id, values.get("username", before["username"]), changes)
    return await get_user(unit, user_id)


async def _lock(unit: WriteUnit, actor: Principal, user_id: UUID, expected_version: int | None) -> Mapping[str, Any]:
    row = await queries.lock_user(unit, user_id)
    if row is None:
        raise NotFound("There is no such user.")
    if expected_version not in {None, row.version}:
        raise VersionConflict
    if await queries.rank_of(unit, user_id) > actor.rank:
        raise PermissionDenied("The user holds a higher role than yours.")
    return dict(row._mapping)


async def _keep_an_owner(unit: WriteUnit, user_id: UUID) -> None:
    owners = await queries.lock_ownership(unit)
    if owners == [user_id]:
        raise LastOwner


async def _check_grants(unit: ReadUnit, actor: Principal, role_ids: Sequence[UUID]) -> None:
    """Nobody grants what he does not hold, nor a role above his own."""
    if not role_ids:
        return
    roles = await queries.find_roles(unit, role_ids)
    if len(roles) != len(set(role_ids)):
        raise UnknownReference("A role does not exist.", pointer="/body/role_ids")
    for role in roles:
        held = actor.permissions
        lacking = [
            name for name, level in role.grants.items() if LEVEL_ORDER.get(held.get(name, ""), 0) < LEVEL_ORDER[level]
        ]
        if role.rank > actor.rank or lacking:
            raise PermissionDenied(f"You cannot give the role {role.name}: it holds more than you do.")


def _with_normalized(values: Mapping[str, Any]) -> dict[str, Any]:
    forms = {f"{name}_normalized": form(values[name]) for name, form in NORMALIZED.items() if name in values}
    return {**values, **forms}


def _link_changes(payload: UserCreate) -> list[Change]:
    links = {"role_ids": payload.role_ids, "team_ids": payload.team_ids}
    return [Change(name, None, [str(item) for item in _unique(ids)]) for name, ids in links.items() if ids]


def _unique(ids: Sequence[UUID]) -> list[UUID]:
    return list(dict.fromkeys(ids))


def _audit(unit: WriteUnit, verb: str, user_id: UUID, username: str, changes: Sequence[Change]) -> None:
    unit.audit(f"users.user.{verb}", target=Target("user", str(user_id), username), changes=changes)
