"""Asking for the password once more before something that an unlocked screen must not be enough for."""

from __future__ import annotations

from common.audit import Target
from common.errors import PasswordWrong
from serving.visit import Visit
from shared_auth import Principal
from users.auth.queries import find_password_hash
from users.limits import refund, spend_login


async def confirm_password(visit: Visit, actor: Principal, password: str, *, pointer: str = "/body/password") -> None:
    """Return if it is the actor's password. Raises PasswordWrong, or TooManyRequests: it counts as a login does."""
    async with visit.read() as unit:
        stored = await find_password_hash(unit, actor.user_id)
    tries = await spend_login(visit, actor.username, known_address=False)
    if not await visit.services.passwords.verify(password, stored):
        async with visit.write() as unit:
            target = Target("user", str(actor.user_id), actor.username)
            unit.audit("auth.password.confirmation_failed", target=target, outcome="failure")
        raise PasswordWrong(pointer=pointer)
    await refund(visit, tries)
