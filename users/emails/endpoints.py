"""``/auth/email``: proving and changing one's address."""

from __future__ import annotations

from fastapi import APIRouter

from common.http.openapi import problem_responses
from dependencies import LoggedIn, Route, TenantVisit, ThisVisit
from users.emails import service
from users.emails.schemas import EmailChange, EmailVerification, VerificationResend

router = APIRouter(prefix="/auth/email", tags=["authentication"], route_class=Route)


@router.post(
    "/verify", status_code=204, summary="Prove an address with a mailed token", responses=problem_responses({409})
)
async def verify_email(visit: TenantVisit, payload: EmailVerification) -> None:
    """Completes a change of address too. If the address has become another user's meanwhile: 409 `email_taken`."""
    await service.verify_email(visit, payload.token)


@router.post("/resend", status_code=202, summary="Have the link for proving an address mailed again")
async def resend_verification(visit: TenantVisit, payload: VerificationResend) -> None:
    """Always the same answer. Only an active user's address that is not proven yet gets a link."""
    await service.request_verification(visit, payload.email)


@router.post("/change", status_code=202, summary="Ask to change one's address", responses=problem_responses({429}))
async def change_email(visit: ThisVisit, actor: LoggedIn, payload: EmailChange) -> None:
    """The new address gets a link that makes the change; the old one is told. A wrong password counts as a failed
    login. At most a few mails an hour go to one address; more are dropped."""
    await service.request_change(visit, actor, payload)
