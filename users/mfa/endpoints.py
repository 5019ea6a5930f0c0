"""``/auth/mfa``: one's own second factor."""

from __future__ import annotations

from fastapi import APIRouter

from common.http.openapi import problem_responses
from dependencies import Enrolling, LoggedInVisit, Provided, Route, Write
from users.mfa import service
from users.mfa.schemas import RecoveryCodes, TotpConfirmation, TotpRemoval, TotpSecret

router = APIRouter(prefix="/auth/mfa", tags=["authentication"], route_class=Route)


@router.post("/totp", summary="Ask for an authenticator secret")
async def begin_totp(unit: Write, actor: Enrolling, services: Provided) -> TotpSecret:
    """The secret is shown once and counts for nothing until a code of it is confirmed."""
    return await service.begin_totp(unit, actor, services.totp_vault)


@router.post("/totp/confirm", summary="Turn the second factor on")
async def confirm_totp(unit: Write, actor: Enrolling, payload: TotpConfirmation, services: Provided) -> RecoveryCodes:
    """Answers ten recovery codes, shown once."""
    return await service.confirm_totp(unit, actor, payload.code, services.totp_vault)


@router.delete("/totp", status_code=204, summary="Turn the second factor off", responses=problem_responses({429}))
async def delete_totp(visit: LoggedInVisit, payload: TotpRemoval) -> None:
    """Needs the password: an unlocked screen is not enough."""
    assert visit.principal is not None
    await service.remove_totp(visit, visit.principal, payload.password)
