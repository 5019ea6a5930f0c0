"""``/users/teams`` and their members."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from dependencies import Listing, Read, ReplicaRead, Replying, Requires, Route, Write
from shared_auth import Principal
from shared_models import Page
from users.teams import members, service
from users.teams.schemas import Member, MemberSet, Team, TeamCreate, TeamPatch, TeamReplace

router = APIRouter(prefix="/users/teams", tags=["teams"], route_class=Route)

TeamsReader = Annotated[Principal, Depends(Requires("teams:read"))]
TeamsCreator = Annotated[Principal, Depends(Requires("teams:create"))]
TeamsEditor = Annotated[Principal, Depends(Requires("teams:update"))]
TeamsDeleter = Annotated[Principal, Depends(Requires("teams:delete"))]


@router.get("", summary="List teams")
async def list_teams(unit: ReplicaRead, _actor: TeamsReader, listing: Listing, reply: Replying) -> Page[Team]:
    """Teams by name; `q` searches name and description. Sort by `name`, `created_at` or `updated_at`."""
    return reply.page(await service.list_teams(unit, listing))


@router.post("", status_code=201, summary="Create a team")
async def create_team(unit: Write, actor: TeamsCreator, payload: TeamCreate, reply: Replying) -> Team:
    """A team may carry roles, which all its members then hold. Nobody can give it a role that holds more than he does.
    Teams can be nested; a team does not inherit from those above it."""
    return reply.created(await service.create_team(unit, actor, payload))


@router.get("/{team_id}", summary="Get a team")
async def get_team(unit: Read, _actor: TeamsReader, team_id: UUID, reply: Replying) -> Team:
    """Answers 304 if `If-None-Match` has the current version, which also counts changes of the membership."""
    return reply.tag(await service.get_team(unit, team_id))


@router.put("/{team_id}", summary="Replace a team's fields")
async def replace_team(unit: Write, actor: TeamsEditor, team_id: UUID, payload: TeamReplace, reply: Replying) -> Team:
    """Sets every editable field; what is left out gets its default. A parent below the team itself is refused with 422
    `team_cycle`."""
    return reply.tag(await service.replace_team(unit, actor, team_id, payload, reply.expected_version))


@router.patch("/{team_id}", summary="Change some of a team's fields")
async def update_team(unit: Write, actor: TeamsEditor, team_id: UUID, payload: TeamPatch, reply: Replying) -> Team:
    """Sets the fields given and leaves the others; `role_ids` are replaced as a whole."""
    return reply.tag(await service.update_team(unit, actor, team_id, payload, reply.expected_version))


@router.delete("/{team_id}", status_code=204, summary="Delete a team")
async def delete_team(unit: Write, actor: TeamsDeleter, team_id: UUID, reply: Replying) -> None:
    """Its members lose the roles it carried; the teams below it stand on their own."""
    await service.delete_team(unit, actor, team_id, reply.expected_version)


@router.get("/{team_id}/members", summary="List a team's members")
async def list_team_members(
    unit: ReplicaRead, _actor: TeamsReader, team_id: UUID, listing: Listing, reply: Replying
) -> Page[Member]:
    """Members by user name; `q` searches names and e-mail, `created_after` and `created_before` compare when they
    joined. Sort by `username` or `joined_at`."""
    return reply.page(await members.list_members(unit, team_id, listing))


@router.put("/{team_id}/members/{user_id}", summary="Put somebody into a team")
async def set_team_member(unit: Write, actor: TeamsEditor, team_id: UUID, user_id: UUID, payload: MemberSet) -> Member:
    """As `lead` or `member`, which can be changed the same way. Gives the user the team's roles, so nobody can do it
    who could not give them himself."""
    return await members.set_member(unit, actor, team_id, user_id, payload)


@router.delete("/{team_id}/members/{user_id}", status_code=204, summary="Take somebody out of a team")
async def remove_team_member(unit: Write, actor: TeamsEditor, team_id: UUID, user_id: UUID) -> None:
    """The user loses the team's roles at once."""
    await members.remove_member(unit, actor, team_id, user_id)
