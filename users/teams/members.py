"""The rules of membership: who joins a team gets its roles, who leaves it loses them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from common.audit import Change
from common.clock import now
from common.errors import NotFound
from common.paging import ListQuery
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from shared_models import Page, page_of
from users.auth.principals import forget_rights
from users.rights import rules
from users.rights.queries import touch_user
from users.teams import queries
from users.teams.schemas import Member, MemberSet, Team
from users.teams.service import audit_team, get_roles_of, get_team


async def list_members(unit: ReadUnit, team_id: UUID, query: ListQuery) -> Page[Member]:
    """A page of a team's members, by name. Raises NotFound."""
    found = await queries.list_members(unit, team_id, query)
    if not found.rows:
        await get_team(unit, team_id)
    return page_of(Member, found)


async def set_member(unit: WriteUnit, actor: Principal, team_id: UUID, user_id: UUID, payload: MemberSet) -> Member:
    """Make a user a member or a lead. Raises PermissionDenied if the team carries more than the actor may give."""
    user = await rules.lock_user(unit, user_id)
    current = await rules.lock_rights(unit, actor, "teams:update")
    team = await get_team(unit, team_id)
    row = await queries.find_member(unit, team_id, user_id)
    if row is None:
        await _check(unit, current, team, user_id)
        moment = now()
        values = {"team_id": team_id, "user_id": user_id, "role": payload.role, "joined_at": moment}
        await queries.insert_member(unit, values)
        await _finish(unit, team, user_id, moment, Change(f"members.{user.username}", None, payload.role))
    elif row.role != payload.role:
        await queries.update_member(unit, team_id, user_id, payload.role)
        await _finish(unit, team, user_id, now(), Change(f"members.{user.username}", row.role, payload.role))
    return await _get_member(unit, team_id, user_id)


async def remove_member(unit: WriteUnit, actor: Principal, team_id: UUID, user_id: UUID) -> None:
    """End a membership. Raises NotFound, PermissionDenied or LastOwner."""
    user = await rules.lock_user(unit, user_id)
    current = await rules.lock_rights(unit, actor, "teams:update")
    team = await get_team(unit, team_id)
    member = await _get_member(unit, team_id, user_id)
    await _check(unit, current, team, user_id)
    await queries.delete_member(unit, team_id, user_id)
    await rules.keep_an_owner(unit)
    await _finish(unit, team, user_id, now(), Change(f"members.{user.username}", member.role, None))


async def _get_member(unit: ReadUnit, team_id: UUID, user_id: UUID) -> Member:
    row = await queries.find_member(unit, team_id, user_id)
    if row is None:
        raise NotFound("The user is not a member of this team.")
    return Member.model_validate(row)


async def _check(unit: ReadUnit, current: Principal, team: Team, user_id: UUID) -> None:
    """A team without roles changes nobody's rights, so anybody who may edit teams may fill it."""
    if team.roles:
        rules.check_roles(current, await get_roles_of(unit, team))
        await rules.check_rank(unit, current, user_id)


async def _finish(unit: WriteUnit, team: Team, user_id: UUID, moment: datetime, change: Change) -> None:
    """Team and user both show the membership, so both have a new version."""
    await queries.update_team(unit, team.id, {"updated_at": moment})
    await touch_user(unit, user_id, moment)
    audit_team(unit, "members_changed", team.id, team.name, [change])
    forget_rights(unit)
