"""The rules of inviting and joining."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.audit import Actor, Change, Target
from common.clock import now
from common.errors import EmailTaken, InvitationClosed, NotFound, PermissionDenied, TokenInvalid, VersionConflict
from common.ids import TenantName, new_id
from common.paging import ListQuery
from common.registry import Effective
from database import ReadUnit, WriteUnit
from serving.visit import Visit
from shared_auth import Principal
from shared_models import Page, page_of
from users.accounts.queries import insert_memberships, insert_roles, insert_user
from users.accounts.service import get_user
from users.auth.principals import load_owner
from users.declarations import DEFAULT_LOCALE, INVITATION_HOURS, TIME_ZONE
from users.invitations import queries
from users.invitations.schemas import Invitation, InvitationAcceptance, InvitationCreate, InvitationStatus
from users.limits import spend_open_request
from users.mailing.handlers import digest_of
from users.mailing.orders import order_invitation
from users.passwords.rules import check_password
from users.rights.queries import find_roles, find_team_roles
from users.rights.queries import lock_rights as wait_for_rights
from users.rights.rules import check_roles, get_roles, get_roles_of_teams, lock_rights
from users.schemas import User, normalize_email, normalize_username


async def list_invitations(unit: ReadUnit, query: ListQuery, status: InvitationStatus | None) -> Page[Invitation]:
    """A page of invitations."""
    found = await queries.list_invitations(unit, query, status)
    return page_of(Invitation, found)


async def get_invitation(unit: ReadUnit, invitation_id: UUID) -> Invitation:
    """One invitation. Raises NotFound."""
    row = await queries.find_invitation(unit, invitation_id)
    if row is None:
        raise NotFound("There is no such invitation.")
    return Invitation.model_validate(row)


async def create_invitation(
    unit: WriteUnit, actor: Principal, payload: InvitationCreate, settings: Effective
) -> Invitation:
    """Invite somebody. Raises EmailTaken, InvitationPending, PermissionDenied, UnknownReference."""
    actor = await lock_rights(unit, actor, "invitations:create")
    check_roles(actor, await get_roles(unit, payload.role_ids))
    check_roles(actor, await get_roles_of_teams(unit, payload.team_ids))
    normalized, invitation_id, moment = normalize_email(payload.email), new_id(), now()
    await _check_stranger(unit, normalized)
    await queries.close_expired(unit, normalized, moment)
    values = {
        "email": payload.email,
        "locale": payload.locale or settings[DEFAULT_LOCALE],
        "role_ids": _unique(payload.role_ids),
        "team_ids": _unique(payload.team_ids),
    }
    await queries.insert_invitation(
        unit,
        {
            **values,
            "id": invitation_id,
            "email_normalized": normalized,
            "invited_by": actor.user_id,
            "expires_at": moment + _lifetime(settings),
            "created_at": moment,
            "updated_at": moment,
        },
    )
    order_invitation(unit, invitation_id)
    _audit(unit, "created", invitation_id, payload.email, [Change(name, None, _text(values[name])) for name in values])
    return await get_invitation(unit, invitation_id)


async def resend_invitation(
    unit: WriteUnit, actor: Principal, invitation_id: UUID, settings: Effective, expected_version: int | None
) -> Invitation:
    """Have another link mailed, good for as long again; the one before is worthless then. Raises InvitationClosed,
    EmailTaken, PermissionDenied, NotFound, VersionConflict."""
    actor = await lock_rights(unit, actor, "invitations:update")
    row = await _lock(unit, invitation_id)
    if row.revoked_at is not None or row.accepted_at is not None:
        raise InvitationClosed
    if expected_version not in {None, row.version}:
        raise VersionConflict
    await _check_stranger(unit, row.email_normalized)
    carried = [role_id for team in await find_team_roles(unit, row.team_ids) for role_id in team.role_ids or ()]
    check_roles(actor, await find_roles(unit, [*row.role_ids, *carried]))
    moment = now()
    values = {"expires_at": moment + _lifetime(settings), "updated_at": moment}
    await queries.update_invitation(unit, invitation_id, values)
    order_invitation(unit, invitation_id)
    _audit(unit, "resent", invitation_id, row.email, [])
    return await get_invitation(unit, invitation_id)


async def revoke_invitation(unit: WriteUnit, invitation_id: UUID, expected_version: int | None) -> None:
    """Make the mailed link worthless. Raises NotFound for one that is revoked, InvitationClosed for an accepted one."""
    row = await _lock(unit, invitation_id)
    if row.revoked_at is not None:
        raise NotFound("The invitation was revoked.")
    if row.accepted_at is not None:
        raise InvitationClosed
    if expected_version not in {None, row.version}:
        raise VersionConflict
    moment = now()
    await queries.update_invitation(unit, invitation_id, {"revoked_at": moment, "updated_at": moment})
    _audit(unit, "revoked", invitation_id, row.email, [])


async def accept_invitation(visit: Visit, payload: InvitationAcceptance) -> User:
    """Make the account of whoever got the token by mail. Raises TokenInvalid, PasswordRefused, EmailTaken,
    UsernameTaken; after all but the first the token is as good as before. Of many who use it at once, one wins."""
    await spend_open_request(visit)
    assert visit.tenant is not None
    digest = digest_of(payload.token)
    async with visit.read() as unit:
        invitation = await queries.find_acceptable(unit, digest, now())
    if invitation is None:
        raise TokenInvalid
    about = (payload.username, invitation.email, payload.full_name, visit.tenant.name.tenant_id)
    await check_password(visit.services, visit.settings, payload.password, about)
    password_hash = await visit.services.passwords.hash(payload.password)
    async with visit.write() as unit:
        return await _join(unit, visit, payload, digest, password_hash)


async def _join(
    unit: WriteUnit, visit: Visit, payload: InvitationAcceptance, digest: bytes, password_hash: str
) -> User:
    assert visit.tenant is not None
    await wait_for_rights(unit)
    user_id, moment = new_id(), now()
    invitation = await queries.accept_invitation(unit, digest, moment)
    if invitation is None:
        raise TokenInvalid
    await insert_user(
        unit,
        {
            "id": user_id,
            "email": invitation.email,
            "email_normalized": invitation.email_normalized,
            "username": payload.username,
            "username_normalized": normalize_username(payload.username),
            "full_name": payload.full_name,
            "locale": invitation.locale,
            "timezone": visit.settings[TIME_ZONE],
            "password_hash": password_hash,
            "password_changed_at": moment,
            "is_verified": True,  # the mail was read
            "created_at": moment,
            "updated_at": moment,
        },
    )
    await queries.note_acceptor(unit, invitation.id, user_id)
    await _give(unit, visit.tenant.name, invitation, user_id)
    user = await get_user(unit, user_id)
    _audit_joining(unit, invitation, user)
    return user


async def _give(unit: WriteUnit, tenant: TenantName, invitation: Row[Any], user_id: UUID) -> None:
    """Those of the roles and teams that still exist and that the inviter could still give: what he has lost meanwhile,
    his invitations cannot give either."""
    inviter = await load_owner(unit, tenant=tenant, user_id=invitation.invited_by) if invitation.invited_by else None
    if inviter is None:
        return
    roles = await find_roles(unit, invitation.role_ids)
    teams = await find_team_roles(unit, invitation.team_ids)
    carried = {team.id: await find_roles(unit, team.role_ids or []) for team in teams}
    role_ids = [role.id for role in roles if _may_give(inviter, [role])]
    team_ids = [team_id for team_id, given in carried.items() if _may_give(inviter, given)]
    if role_ids:
        await insert_roles(unit, user_id, role_ids, inviter.user_id)
    if team_ids:
        await insert_memberships(unit, user_id, team_ids)


def _may_give(inviter: Principal, roles: Sequence[Row[Any]]) -> bool:
    try:
        check_roles(inviter, roles)
    except PermissionDenied:
        return False
    return True


def _audit_joining(unit: WriteUnit, invitation: Row[Any], user: User) -> None:
    """One entry about the new user, which names the invitation it came from."""
    given = {
        "invitation_id": invitation.id,
        "email": user.email,
        "username": user.username,
        "full_name": user.full_name,
        "role_ids": [role.id for role in user.roles],
        "team_ids": [team.id for team in user.teams],
    }
    unit.audit(
        "users.invitation.accepted",
        actor=Actor("user", user.id, user.username),
        target=Target("user", str(user.id), user.username),
        changes=[Change(name, None, _text(value)) for name, value in given.items() if value],
    )


async def _lock(unit: WriteUnit, invitation_id: UUID) -> Row[Any]:
    row = await queries.lock_invitation(unit, invitation_id)
    if row is None:
        raise NotFound("There is no such invitation.")
    return row


async def _check_stranger(unit: ReadUnit, email_normalized: str) -> None:
    """Spare a member a mail of no use. What decides is the unique index, when the invitation is accepted."""
    if await queries.is_member(unit, email_normalized):
        raise EmailTaken


def _lifetime(settings: Effective) -> timedelta:
    return timedelta(hours=settings[INVITATION_HOURS])


def _unique(ids: Sequence[UUID]) -> list[UUID]:
    return list(dict.fromkeys(ids))


def _text(value: object) -> object:
    return [str(item) for item in value] if isinstance(value, list) else str(value)


def _audit(unit: WriteUnit, verb: str, invitation_id: UUID, email: str, changes: Sequence[Change]) -> None:
    unit.audit(f"users.invitation.{verb}", target=Target("invitation", str(invitation_id), email), changes=changes)
