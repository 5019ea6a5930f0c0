"""The rules of logging in, refreshing and logging out."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row

from common.audit import Actor, Target
from common.clock import now
from common.errors import InvalidCredentials, MfaRequired, RefreshTokenInvalid, RefreshTokenReused
from common.ids import new_id
from common.observability.counts import LOGIN_FAILURES, REFRESH_REUSES
from common.registry import Effective
from database import ReadUnit, WriteUnit
from serving.visit import Visit
from shared_auth import Principal, RefreshToken, RequiredAction
from users.accounts.service import get_user
from users.auth import queries
from users.auth.lifetimes import Lifetimes, SessionTimes
from users.auth.principals import load_owner, restrain
from users.auth.schemas import LoginRequest, TokenPair
from users.declarations import SECOND_FACTOR_ROLES, SESSIONS_PER_USER
from users.limits import refund, spend_login
from users.mfa.service import use_second_factor
from users.models import PRINCIPALS
from users.schemas import User

LogoutScope = Literal["local", "others", "global"]


async def log_in(visit: Visit, payload: LoginRequest) -> TokenPair:
    """Open a session. Raises InvalidCredentials, for whichever reason, after the same work.

    Read, verify, write: no connection is held while the hash is computed, and none is taken for who is one too many.
    """
    passwords = visit.services.passwords
    with passwords.place():
        async with visit.read() as unit:
            user = await queries.find_login(unit, payload.username, visit.origin.ip_address)
        tries = await spend_login(visit, payload.username, known_address=user is not None and user.known_address)
        valid = await _verify(visit, user, payload.password)
        known = user if user is not None and valid and user.is_active else None
        lacks_code = known is not None and known.mfa_enabled and payload.otp is None
        renewed_hash = None
        if known is not None and not lacks_code:
            renewed_hash = await passwords.renew(payload.password, known.password_hash)
    if lacks_code:
        await refund(visit, tries)
        raise MfaRequired
    async with visit.write() as unit:
        pair = None
        if known is not None and await _passes_second_factor(visit, unit, known, payload):
            pair = await _open_session(visit, unit, known, renewed_hash)
        if pair is None:
            _audit_failure(unit, user)
    if pair is None:
        LOGIN_FAILURES.labels(_why(user, valid=valid)).inc()
        raise InvalidCredentials
    await refund(visit, tries)
    return pair


async def _verify(visit: Visit, user: Row[Any] | None, password: str) -> bool:
    """Whether it is the user's password. Whoever does not get in takes as long, see ``Passwords``."""
    assert visit.tenant is not None
    stored = user.password_hash if user else None
    valid = await visit.services.passwords.verify(password, stored, placed=True)
    if user is None or not valid or not user.is_active:
        forms = await visit.services.find_hash_forms(visit.tenant)
        await visit.services.passwords.try_others(password, stored, forms)
    return valid


def _why(user: Row[Any] | None, *, valid: bool) -> str:
    """The class of a failure, for the metrics alone: the answer and the audit log are the same for all."""
    if user is None:
        return "unknown_user"
    if not valid or not user.is_active:
        return "inactive" if valid else "wrong_password"
    return "second_factor" if user.mfa_enabled else "changed"


async def _passes_second_factor(visit: Visit, unit: WriteUnit, user: Row[Any], payload: LoginRequest) -> bool:
    if not user.mfa_enabled:
        return True
    assert payload.otp is not None
    return await use_second_factor(unit, user.id, payload.otp, visit.services.totp_vault)


async def refresh(visit: Visit, text: str) -> TokenPair:
    """Exchange a refresh token for its successor. Raises RefreshTokenInvalid or RefreshTokenReused."""
    token = visit.services.refresh_tokens.read(text)
    async with visit.write() as unit:
        session = await queries.lock_session(unit, token.session_id)
        moment = now()
        if session is None or not _is_alive(session, visit.settings, moment):
            raise RefreshTokenInvalid
        unit.origin = replace(unit.origin, session_id=session.id)
        is_surplus = await _is_surplus(visit, unit, session, moment)
        pair = None if is_surplus else await _continue_session(visit, unit, session, token, moment)
        if pair is None:
            await _end_displaced(unit, session, moment) if is_surplus else await _end_replayed(unit, session, moment)
    if pair is None:
        REFRESH_REUSES.inc(not is_surplus)
        raise RefreshTokenInvalid if is_surplus else RefreshTokenReused
    return pair


async def log_out(unit: WriteUnit, actor: Principal, scope: LogoutScope) -> None:
    """End this session, the others, or all of the user's."""
    only = actor.session_id if scope == "local" else None
    other_than = actor.session_id if scope == "others" else None
    ended = await queries.end_sessions(unit, actor.user_id, now(), only=only, other_than=other_than)
    unit.audit(f"auth.logout.{scope}", target=_target(actor.user_id, actor.username))
    for session_id in ended:
        unit.invalidate(PRINCIPALS, str(session_id))


async def describe_me(visit: Visit) -> bytes:
    """The signed-in user, its rights and its session, as JSON."""
    assert visit.tenant is not None
    assert visit.principal is not None
    return await visit.services.find_profile(visit.tenant, visit.principal)


async def _open_session(visit: Visit, unit: WriteUnit, user: Row[Any], renewed_hash: str | None) -> TokenPair | None:
    """The new session's tokens; None when the user was changed while the password was verified."""
    moment, limits = now(), Lifetimes.of(visit.settings)
    token = visit.services.refresh_tokens.first(new_id())
    idle_end, end = limits.deadlines(moment, moment)
    found = await queries.open_session(
        unit,
        user,
        renewed_hash,
        {
            "id": token.session_id,
            "user_id": user.id,
            "generation": token.generation,
            "refresh_digest": token.digest,
            "rotated_at": moment,
            "created_at": moment,
            "last_used_at": moment,
            "idle_expires_at": idle_end,
            "expires_at": end,
            "ip_address": visit.origin.ip_address,
            "user_agent": visit.origin.user_agent,
        },
    )
    if found is None:
        return None
    actor = Actor("user", user.id, user.username)
    unit.origin = replace(unit.origin, session_id=token.session_id)
    unit.audit("auth.login.succeeded", actor=actor, target=_target(user.id, user.username))
    await _end_surplus(visit, unit, actor, user.id, moment)
    return await _pair(visit, unit, User.model_validate(found), token, idle_end - moment)


async def _end_surplus(visit: Visit, unit: WriteUnit, actor: Actor, user_id: UUID, moment: datetime) -> None:
    """End the oldest sessions beyond what a user may have. Logins of one user stand in line for the user's row, so that
    each counts the session of the one before."""
    most = visit.settings[SESSIONS_PER_USER]
    if most == 0:
        return
    limits = Lifetimes.of(visit.settings)
    for session_id in await queries.end_oldest_sessions(unit, user_id, moment, limits, keep=most):
        unit.audit("auth.session.displaced", actor=actor, target=Target("session", str(session_id)))
        unit.invalidate(PRINCIPALS, str(session_id))


async def _continue_session(
    visit: Visit, unit: WriteUnit, session: Row[Any], token: RefreshToken, moment: datetime
) -> TokenPair | None:
    """The next pair; None when the token had its turn before, and not just now."""
    config = visit.services.config
    successor = visit.services.refresh_tokens.successor(token)
    idle_end, end = Lifetimes.of(visit.settings).deadlines(moment, session.created_at)
    if _is_current(session, token):
        values = {
            "generation": successor.generation,
            "refresh_digest": successor.digest,
            "rotated_at": moment,
            "last_used_at": moment,
            "idle_expires_at": idle_end,
            "expires_at": end,
        }
        await queries.update_session(unit, session.id, values)
        actor = Actor("user", session.user_id, session.username)
        unit.audit("auth.session.refreshed", actor=actor, target=Target("session", str(session.id)))
    # A client that lost the answer, or refreshed in two tabs, repeats the parent: it gets the same successor again.
    elif not (
        _is_current(session, successor)
        and moment - session.rotated_at <= timedelta(seconds=config.refresh_grace_seconds)
    ):
        return None
    user = await get_user(unit, session.user_id)
    return await _pair(visit, unit, user, successor, idle_end - moment)


async def _is_surplus(visit: Visit, unit: WriteUnit, session: Row[Any], moment: datetime) -> bool:
    """Whether the user has as many newer sessions as he may have: the limit was lowered since they were opened. Each
    session answers for itself, so refreshes of one user never wait for each other's rows."""
    most: int = visit.settings[SESSIONS_PER_USER]
    return most > 0 and await queries.count_newer_sessions(unit, session, moment, Lifetimes.of(visit.settings)) >= most


async def _end_displaced(unit: WriteUnit, session: Row[Any], moment: datetime) -> None:
    await queries.update_session(unit, session.id, {"revoked_at": moment, "revoked_reason": "too_many_sessions"})
    actor = Actor("user", session.user_id, session.username)
    unit.audit("auth.session.displaced", actor=actor, target=Target("session", str(session.id)))


async def _end_replayed(unit: WriteUnit, session: Row[Any], moment: datetime) -> None:
    await queries.update_session(unit, session.id, {"revoked_at": moment, "revoked_reason": "refresh_token_reused"})
    unit.audit("auth.session.reused", target=Target("session", str(session.id)), outcome="failure")
    unit.invalidate(PRINCIPALS, str(session.id))


async def _pair(
    visit: Visit, unit: ReadUnit, user: User, token: RefreshToken, refresh_expires_in: timedelta
) -> TokenPair:
    assert visit.tenant is not None
    services = visit.services
    access_token = services.access_tokens.issue(
        subject=user.id,
        email=user.email,
        username=user.username,
        tenant=visit.tenant.name,
        session_id=token.session_id,
    )
    return TokenPair(
        access_token=access_token,
        refresh_token=services.refresh_tokens.write(token),
        expires_in=services.access_tokens.lifetime,
        refresh_expires_in=int(refresh_expires_in.total_seconds()),
        session_id=token.session_id,
        user=user,
        required_action=await _required_action(visit, unit, user),
    )


async def _required_action(visit: Visit, unit: ReadUnit, user: User) -> RequiredAction | None:
    """What the new tokens are good for; asks for the roles only where one might demand something."""
    assert visit.tenant is not None
    if user.mfa_enabled or not visit.settings[SECOND_FACTOR_ROLES]:
        return None
    owner = await load_owner(unit, tenant=visit.tenant.name, user_id=user.id)
    return restrain(owner, visit.settings).required_action if owner else None


def _is_alive(session: Row[Any], settings: Effective, moment: datetime) -> bool:
    times = SessionTimes(session.created_at, session.last_used_at, min(session.expires_at, session.idle_expires_at))
    return bool(session.user_is_active and session.revoked_at is None and times.are_within(settings, moment))


def _is_current(session: Row[Any], token: RefreshToken) -> bool:
    same_generation = session.generation == token.generation
    return same_generation and hmac.compare_digest(session.refresh_digest, token.digest)


def _audit_failure(unit: WriteUnit, user: Row[Any] | None) -> None:
    """One entry for every failed login. What was typed as a user name is left out: it may be a password."""
    target = _target(user.id, user.username) if user else None
    unit.audit("auth.login.failed", target=target, outcome="failure")


def _target(user_id: UUID, username: str) -> Target:
    return Target("user", str(user_id), username)
