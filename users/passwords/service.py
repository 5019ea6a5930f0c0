"""The rules of changing passwords."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.audit import HIDDEN, Actor, Change, Target
from common.clock import now
from common.errors import Conflict, NotFound, TokenInvalid, Unauthenticated
from database import WriteUnit
from serving.visit import Visit
from shared_auth import Principal
from users.auth.confirmation import confirm_password
from users.auth.queries import end_sessions
from users.limits import forgive_logins, may_mail, spend_open_request
from users.mailing.handlers import digest_of
from users.mailing.orders import cancel_links, order_notice, order_reset_link, order_reset_link_for
from users.models import PRINCIPALS
from users.passwords import queries
from users.passwords.rules import check_password
from users.passwords.schemas import PasswordChange, PasswordReset
from users.rights.rules import check_rank
from users.schemas import normalize_email

NEW_PASSWORD: Final = "/body/new_password"  # noqa: S105 - a pointer into a body
# The longest time for which a failed login counts against the address it came from.
REMEMBERED: Final = timedelta(minutes=5)


async def change_password(visit: Visit, actor: Principal, payload: PasswordChange) -> None:
    """Change one's own. Raises PasswordWrong, PasswordRefused, TooManyRequests."""
    services = visit.services
    await confirm_password(visit, actor, payload.current_password, pointer="/body/current_password")
    async with visit.read() as unit:
        person = await queries.find_person(unit, actor.user_id)
    if person is None:
        raise Unauthenticated
    about = known_of(visit, person)
    await check_password(services, visit.settings, payload.new_password, about, pointer=NEW_PASSWORD)
    password_hash = await services.passwords.hash(payload.new_password)
    async with visit.write() as unit:
        user = await queries.lock_account(unit, actor.user_id)
        if user is None:
            raise Unauthenticated
        moment = now()
        await queries.set_password(unit, user.id, password_hash, moment)
        await cancel_links(unit, user.id, moment, proving=user.email)
        await _finish(unit, user, "auth.password.changed", keep=actor.session_id)


async def request_reset(visit: Visit, email: str) -> None:
    """Have a link mailed. What is done, and how long it takes, does not depend on whose address it is."""
    await spend_open_request(visit)
    allowed = await may_mail(visit, email)
    async with visit.write() as unit:
        unit.audit("auth.password.reset_requested")
        if allowed:
            order_reset_link(unit, normalize_email(email))


async def reset_password(visit: Visit, payload: PasswordReset) -> None:
    """Set a new password for whoever got the token by mail. Raises TokenInvalid or PasswordRefused.

    A refused password leaves the token as it was. Of many who use the token at once, one wins: the user's row is
    locked, then the token is used up, in the transaction that sets the password.
    """
    await spend_open_request(visit)
    digest = digest_of(payload.token)
    async with visit.read() as unit:
        found = await queries.find_reset(unit, digest, now())
    if found is None:
        raise TokenInvalid
    services, about = visit.services, known_of(visit, found)
    await check_password(services, visit.settings, payload.new_password, about, pointer=NEW_PASSWORD)
    password_hash = await services.passwords.hash(payload.new_password)
    async with visit.write() as unit:
        user, moment = await queries.lock_account(unit, found.user_id), now()
        if user is None or not await queries.use_reset_token(unit, digest, moment):
            raise TokenInvalid
        await queries.set_password(unit, user.id, password_hash, moment)
        await queries.mark_verified(unit, user.id, moment)
        await cancel_links(unit, user.id, moment)
        await _finish(unit, user, "auth.password.reset", actor=Actor("user", user.id, user.username))


async def mail_reset_link(unit: WriteUnit, actor: Principal, user_id: UUID) -> None:
    """Have a link mailed to somebody: nobody sets another's password. Raises NotFound, PermissionDenied, Conflict."""
    user = await queries.lock_account(unit, user_id)
    if user is None:
        if await queries.find_person(unit, user_id) is None:
            raise NotFound("There is no such user.")
        raise Conflict("The user is deactivated: a new password would be of no use.")
    await check_rank(unit, actor, user_id)
    unit.audit("users.user.password_reset_requested", target=_target(user.id, user.username))
    order_reset_link_for(unit, user.id)


async def forgive_failures(visit: Visit, actor: Principal, user_id: UUID) -> None:
    """Let somebody who failed too often try again at once. Raises NotFound or PermissionDenied."""
    async with visit.write() as unit:
        user = await queries.find_person(unit, user_id)
        if user is None:
            raise NotFound("There is no such user.")
        await check_rank(unit, actor, user_id)
        addresses = await queries.list_failing_addresses(unit, user_id, now() - REMEMBERED)
        unit.audit("users.user.unlocked", target=_target(user_id, user.username))
    await forgive_logins(visit, [user.username, user.email], addresses)


def known_of(visit: Visit, person: Any) -> list[str | None]:
    """What no password of this person may be built from."""
    assert visit.tenant is not None
    return [person.username, person.email, person.full_name, visit.tenant.name.tenant_id]


async def _finish(
    unit: WriteUnit, user: Row[Any], action: str, *, actor: Actor | None = None, keep: UUID | None = None
) -> None:
    """End the sessions that the old password opened, tell the user, and write it down."""
    for session_id in await end_sessions(unit, user.id, now(), other_than=keep, reason="password_changed"):
        unit.invalidate(PRINCIPALS, str(session_id))
    order_notice(unit, "password_changed", user._asdict())
    changes = [Change("password", HIDDEN, HIDDEN)]
    unit.audit(action, actor=actor, target=_target(user.id, user.username), changes=changes)


def _target(user_id: UUID, username: str) -> Target:
    return Target("user", str(user_id), username)
