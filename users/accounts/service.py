"""The rules of accounts: who may be made, changed and deleted by whom, and what goes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from common.audit import Change, Target, differences
from common.clock import now
from common.errors import NotFound, VersionConflict
from common.ids import new_id
from common.paging import ListQuery
from common.registry import Effective
from database import ReadUnit, WriteUnit
from serving.visit import Visit
from shared_auth import Principal
from shared_models import Page, page_of
from users.accounts import queries
from users.accounts.schemas import UserCreate, UserPatch, UserReplace
from users.auth.principals import forget_rights
from users.declarations import DEFAULT_LOCALE, TIME_ZONE
from users.mailing.orders import cancel_links, order_notice, order_verification, order_welcome
from users.passwords.rules import check_password
from users.rights import rules
from users.schemas import User, normalize_email, normalize_username

NORMALIZED: Final = {"email": normalize_email, "username": normalize_username}


async def list_users(
    unit: ReadUnit, query: ListQuery, *, is_active: bool | None, role: str | None, team: str | None
) -> Page[User]:
    """A page of users."""
    found = await queries.list_users(unit, query, is_active=is_active, role=role, team=team)
    return page_of(User, found)


async def get_user(unit: ReadUnit, user_id: UUID) -> User:
    """One user. Raises NotFound."""
    row = await queries.find_user(unit, user_id)
    if row is None:
        raise NotFound("There is no such user.")
    return User.model_validate(row)


async def create_user(unit: WriteUnit, actor: Principal, payload: UserCreate, visit: Visit) -> User:
    """A new user with its roles and teams. Raises EmailTaken, UsernameTaken, PasswordRefused, PermissionDenied."""
    password_hash = None
    if payload.password is not None:
        about = (payload.username, payload.email, payload.full_name, actor.tenant.tenant_id)
        await check_password(visit.services, visit.settings, payload.password, about)
        # Before the first SQL: no connection waits.
        password_hash = await visit.services.passwords.hash(payload.password)
    user_id, moment = new_id(), now()
    values = _complete(payload.model_dump(exclude={"password", "role_ids", "team_ids"}), visit.settings)
    await rules.check_new_user(unit, actor, "users:create", payload.role_ids, payload.team_ids)
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
    order_verification(unit, user_id) if password_hash else order_welcome(unit, user_id)
    return await get_user(unit, user_id)


async def replace_user(  # noqa: PLR0917 - who, whom, what, on which condition, with which defaults
    unit: WriteUnit,
    actor: Principal,
    user_id: UUID,
    payload: UserReplace,
    expected_version: int | None,
    settings: Effective,
) -> User:
    """Set all editable fields."""
    values = _complete(payload.model_dump(), settings)
    return await _change_user(unit, actor, user_id, values, expected_version)


async def update_user(
    unit: WriteUnit, actor: Principal, user_id: UUID, payload: UserPatch, expected_version: int | None
) -> User:
    """Set the given fields."""
    return await _change_user(unit, actor, user_id, payload.model_dump(exclude_unset=True), expected_version)


async def delete_user(unit: WriteUnit, actor: Principal, user_id: UUID, expected_version: int | None) -> None:
    """Delete a user; sessions and keys end in the same commit, name and address become free."""
    before = await _lock(unit, actor, user_id, expected_version)
    await rules.check_rank(unit, await rules.lock_rights(unit, actor, "users:delete"), user_id)
    moment = now()
    await queries.update_user(unit, user_id, {"deleted_at": moment, "updated_at": moment})
    await rules.keep_an_owner(unit)
    await queries.end_access(unit, user_id, moment, "user_deleted")
    _audit(unit, "deleted", user_id, before["username"], [])
    forget_rights(unit)


async def restore_user(unit: WriteUnit, actor: Principal, user_id: UUID, expected_version: int | None) -> User:
    """Take a deletion back. Sessions and keys stay ended. What the user held comes back with him, so it must be the
    actor's to give. Raises NotFound, EmailTaken, UsernameTaken, PermissionDenied, VersionConflict."""
    deleted = await queries.lock_deleted_user(unit, user_id)
    if deleted is None:
        raise NotFound("There is no deleted user of this id.")
    if expected_version not in {None, deleted.version}:
        raise VersionConflict
    actor = await rules.lock_rights(unit, actor, "users:update")
    await rules.check_standing(unit, actor, user_id)
    await queries.update_user(unit, user_id, {"deleted_at": None, "updated_at": now()})
    _audit(unit, "restored", user_id, deleted.username, [])
    forget_rights(unit)
    return await get_user(unit, user_id)


async def _change_user(
    unit: WriteUnit, actor: Principal, user_id: UUID, values: dict[str, Any], expected_version: int | None
) -> User:
    before = await _lock(unit, actor, user_id, expected_version)
    changes = differences(before, values)
    if changes:
        moment = now()
        is_deactivated = before["is_active"] and values.get("is_active") is False
        if is_deactivated:
            await rules.check_rank(unit, await rules.lock_rights(unit, actor, "users:update"), user_id)
            await queries.end_access(unit, user_id, moment, "user_deactivated")
            forget_rights(unit)
        moved = values.get("email", before["email"]) != before["email"]
        if moved and user_id != actor.user_id:
            # Who chooses the address gets the links that set the password, and with it everything the user may do.
            await rules.check_standing(unit, actor, user_id)
        verified = {"is_verified": False} if moved else {}
        await queries.update_user(unit, user_id, {**_with_normalized(values), **verified, "updated_at": moment})
        if moved:
            await cancel_links(unit, user_id, moment)
            order_verification(unit, user_id)
            order_notice(unit, "email_changed", before, new_email=values["email"])
        if is_deactivated:
            await rules.keep_an_owner(unit)
        _audit(unit, "updated", user_id, values.get("username", before["username"]), changes)
    return await get_user(unit, user_id)


async def _lock(unit: WriteUnit, actor: Principal, user_id: UUID, expected_version: int | None) -> Mapping[str, Any]:
    row = await queries.lock_user(unit, user_id)
    if row is None:
        raise NotFound("There is no such user.")
    if expected_version not in {None, row.version}:
        raise VersionConflict
    await rules.check_rank(unit, actor, user_id)
    return dict(row._mapping)


def _complete(values: dict[str, Any], settings: Effective) -> dict[str, Any]:
    """The fields of a user with the tenant's language and time zone where none is given."""
    defaults = {"locale": settings[DEFAULT_LOCALE], "timezone": settings[TIME_ZONE]}
    return {name: defaults.get(name) if value is None else value for name, value in values.items()}


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
