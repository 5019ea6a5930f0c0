"""The rules of proving and changing addresses."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from common.audit import Actor, Change, Target
from common.clock import now
from common.errors import TokenInvalid, Unauthenticated, Unprocessable
from database import WriteUnit
from serving.visit import Visit
from shared_auth import Principal
from users.auth.confirmation import confirm_password
from users.emails import queries
from users.emails.schemas import EmailChange
from users.limits import may_mail, spend_open_request
from users.mailing.handlers import digest_of
from users.mailing.orders import cancel_links, order_email_change, order_notice, order_verification_of
from users.passwords.queries import lock_account, mark_verified
from users.schemas import normalize_email


async def verify_email(visit: Visit, token: str) -> None:
    """Note that an address is read, and give it to its user if he asked for it. Raises TokenInvalid or EmailTaken.

    Of many who use a token at once, one wins: the user's row is locked, then the token is used up.
    """
    await spend_open_request(visit)
    digest, moment = digest_of(token), now()
    async with visit.write() as unit:
        user_id = await queries.find_owner(unit, digest, moment)
        user = await lock_account(unit, user_id) if user_id else None
        email = await queries.use_token(unit, digest, moment) if user else None
        if user is None or email is None:
            raise TokenInvalid
        if email == user.email:
            await mark_verified(unit, user.id, moment)
            _audit(unit, "auth.email.verified", user)
        else:
            await _move(unit, user, email)


async def request_verification(visit: Visit, email: str) -> None:
    """Have the link mailed again. What is done, and how long it takes, does not depend on whose address it is."""
    await spend_open_request(visit)
    allowed = await may_mail(visit, email)
    async with visit.write() as unit:
        unit.audit("auth.email.verification_requested")
        if allowed:
            order_verification_of(unit, normalize_email(email))


async def request_change(visit: Visit, actor: Principal, payload: EmailChange) -> None:
    """Have a link mailed to the new address, and the old one told. Raises PasswordWrong, TooManyRequests.

    Whether the new address is another user's is not told to who cannot read its mail.
    """
    await confirm_password(visit, actor, payload.password)
    allowed = await may_mail(visit, payload.new_email)
    async with visit.write() as unit:
        user = await lock_account(unit, actor.user_id)
        if user is None:
            raise Unauthenticated
        if user.email == payload.new_email:
            raise Unprocessable("This is your address already.", pointer="/body/new_email")
        _audit(unit, "auth.email.change_requested", user, Change("email", user.email, payload.new_email))
        if allowed:
            order_email_change(unit, user.id, current=user.email, new=payload.new_email)
            order_notice(unit, "email_change_requested", user._asdict(), new_email=payload.new_email)


async def _move(unit: WriteUnit, user: Row[Any], email: str) -> None:
    """Make the proven address the user's. Links sent to the old one are worth nothing from now on."""
    moment = now()
    await queries.change_address(unit, user.id, email=email, email_normalized=normalize_email(email), moment=moment)
    await cancel_links(unit, user.id, moment)
    order_notice(unit, "email_changed", user._asdict(), new_email=email)
    _audit(unit, "auth.email.changed", user, Change("email", user.email, email))


def _audit(unit: WriteUnit, action: str, user: Row[Any], *changes: Change) -> None:
    actor, target = Actor("user", user.id, user.username), Target("user", str(user.id), user.username)
    unit.audit(action, actor=actor, target=target, changes=changes)
