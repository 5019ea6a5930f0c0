"""``/auth/password``, and what administrators may do about the passwords of others."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from common.http.openapi import problem_responses
from dependencies import LoggedIn, Requires, Route, TenantVisit, ThisVisit, Write
from shared_auth import Principal
from users.passwords import service
from users.passwords.schemas import PasswordChange, PasswordForgotten, PasswordReset

router = APIRouter(tags=["passwords"], route_class=Route)

UsersEditor = Annotated[Principal, Depends(Requires("users:update"))]


@router.post(
    "/auth/password/change", status_code=204, summary="Change one's password", responses=problem_responses({429})
)
async def change_password(visit: ThisVisit, actor: LoggedIn, payload: PasswordChange) -> None:
    """Ends the other sessions and makes the links mailed so far worthless. A wrong `current_password` counts as a
    failed login."""
    await service.change_password(visit, actor, payload)


@router.post("/auth/password/forgot", status_code=202, summary="Have a link for a new password mailed")
async def request_password_reset(visit: TenantVisit, payload: PasswordForgotten) -> None:
    """Always the same answer. An active user of this address gets a link that works once, for an hour."""
    await service.request_reset(visit, payload.email)


@router.post("/auth/password/reset", status_code=204, summary="Set a new password with a mailed token")
async def reset_password(visit: TenantVisit, payload: PasswordReset) -> None:
    """Ends all sessions and does not log in. A password that is refused does not use up the token."""
    await service.reset_password(visit, payload)


@router.post("/users/{user_id}/password-reset", status_code=202, summary="Have a link mailed to a user")
async def mail_password_reset(unit: Write, actor: UsersEditor, user_id: UUID) -> None:
    """A link for a new password: nobody sets another's password himself."""
    await service.mail_reset_link(unit, actor, user_id)


@router.post("/users/{user_id}/unlock", status_code=204, summary="Let a user try to log in again at once")
async def unlock_user(visit: ThisVisit, actor: UsersEditor, user_id: UUID) -> None:
    """Forgets the failed logins that are counted against the account."""
    await service.forgive_failures(visit, actor, user_id)
