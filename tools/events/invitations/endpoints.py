"""``/tools/events/respond``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from dependencies import Read, Route, Write
from serving.visit import Visit
from tools.events.invitations import service
from tools.events.invitations.schemas import EventInvitation
from tools.events.schemas import Answer
from tools.events.secrets import SecretAddress

router = APIRouter(prefix="/tools/events/respond", tags=["events"], route_class=Route)

InvitedVisit = Annotated[Visit, Depends(SecretAddress())]


@router.get("/{token}", summary="Show an invitation")
async def get_invitation_by_link(unit: Read, _visit: InvitedVisit, token: str) -> EventInvitation:
    """What the link in a mail is about. It changes nothing, so a scanner of mails may follow it."""
    return await service.get_invitation(unit, token)


@router.post("/{token}", summary="Answer an invitation by its link")
async def answer_invitation_by_link(unit: Write, _visit: InvitedVisit, token: str, payload: Answer) -> EventInvitation:
    """For who has no account. The link of the newest mail is good until the event or the invitation is gone: 400
    `token_invalid` then."""
    return await service.answer_invitation(unit, token, payload)
