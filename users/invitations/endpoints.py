"""``/users/invitations``, and joining by one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from common.http.openapi import problem_responses
from dependencies import Listing, Obeyed, Read, ReplicaRead, Replying, Requires, Route, TenantVisit, Write
from shared_auth import Principal
from shared_models import Page
from users.invitations import service
from users.invitations.schemas import Invitation, InvitationAcceptance, InvitationCreate, InvitationStatus
from users.schemas import User

router = APIRouter(tags=["invitations"], route_class=Route)

InvitationsReader = Annotated[Principal, Depends(Requires("invitations:read"))]
InvitationsCreator = Annotated[Principal, Depends(Requires("invitations:create"))]
InvitationsEditor = Annotated[Principal, Depends(Requires("invitations:update"))]
InvitationsDeleter = Annotated[Principal, Depends(Requires("invitations:delete"))]


@router.get("/users/invitations", summary="List invitations")
async def list_invitations(
    unit: ReplicaRead,
    _actor: InvitationsReader,
    listing: Listing,
    reply: Replying,
    status: InvitationStatus | None = None,
) -> Page[Invitation]:
    """All that were ever sent, newest first; `q` searches addresses. Sort by `created_at`, `expires_at` or `email`."""
    return reply.page(await service.list_invitations(unit, listing, status))


@router.post("/users/invitations", status_code=201, summary="Invite somebody")
async def create_invitation(
    unit: Write, actor: InvitationsCreator, payload: InvitationCreate, reply: Replying, settings: Obeyed
) -> Invitation:
    """Mails a link that is good once, for `invitations.lifetime_hours`. Nobody can give a role, directly or by a team,
    that holds more than he does. An address that waits for an answer already: 409 `invitation_pending`."""
    return reply.created(await service.create_invitation(unit, actor, payload, settings))


@router.get("/users/invitations/{invitation_id}", summary="Get an invitation")
async def get_invitation(unit: Read, _actor: InvitationsReader, invitation_id: UUID, reply: Replying) -> Invitation:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_invitation(unit, invitation_id))


@router.post("/users/invitations/{invitation_id}/resend", status_code=202, summary="Mail an invitation again")
async def resend_invitation(
    unit: Write, actor: InvitationsEditor, invitation_id: UUID, reply: Replying, settings: Obeyed
) -> Invitation:
    """Another link, good for as long again; the one before is worthless then. Wants the rights to give what the
    invitation gives, like inviting."""
    return reply.tag(await service.resend_invitation(unit, actor, invitation_id, settings, reply.expected_version))


@router.delete("/users/invitations/{invitation_id}", status_code=204, summary="Revoke an invitation")
async def revoke_invitation(unit: Write, _actor: InvitationsDeleter, invitation_id: UUID, reply: Replying) -> None:
    """The mailed link is worthless at once; the invitation stays in the list as revoked."""
    await service.revoke_invitation(unit, invitation_id, reply.expected_version)


@router.post(
    "/auth/invitations/accept", status_code=201, summary="Accept an invitation", responses=problem_responses({409})
)
async def accept_invitation(visit: TenantVisit, payload: InvitationAcceptance, reply: Replying) -> User:
    """Makes the account, with those roles and teams of the invitation that still exist and that the inviter could still
    give. A refused password or a taken user name does not use up the token. Does not log in."""
    user = await service.accept_invitation(visit, payload)
    return reply.created(user, below="/api/v1/users")
