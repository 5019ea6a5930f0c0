"""The rules of teams. What a team carries its members hold, so the rules of rights apply to both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.audit import Change, Target, differences
from common.clock import now
from common.errors import NotFound, TeamCycle, UnknownReference, VersionConflict
from common.paging import ListQuery
from database import ReadUnit, WriteUnit
from serving.loading import Past, begin
from shared_auth import Principal
from shared_models import Page, page_of
from users.auth.principals import forget_rights
from users.rights import rules
from users.rights.queries import find_roles
from users.teams import queries
from users.teams.schemas import Team, TeamCreate, TeamPatch, TeamReplace


async def list_teams(unit: ReadUnit, query: ListQuery) -> Page[Team]:
    """A page of teams, by name."""
    found = await queries.list_teams(unit, query)
    return page_of(Team, found)


async def get_team(unit: ReadUnit, team_id: UUID) -> Team:
    """One team. Raises NotFound."""
    row = await queries.find_team(unit, team_id)
    if row is None:
        raise NotFound("There is no such team.")
    return Team.model_validate(row)


async def create_team(unit: WriteUnit, actor: Principal, payload: TeamCreate, past: Past | None = None) -> Team:
    """A new team. Raises TeamNameTaken, UnknownReference, or PermissionDenied for a role the actor may not give."""
    current = await rules.lock_rights(unit, actor, "teams:create")
    begun = begin(past)
    team_id = begun.id
    role_ids = list(dict.fromkeys(payload.role_ids))
    rules.check_roles(current, await rules.get_roles(unit, role_ids))
    if payload.parent_id is not None:
        await _check_parent(unit, team_id, payload.parent_id)
    values = payload.model_dump(exclude={"role_ids"})
    times = {"created_at": begun.created_at, "updated_at": begun.updated_at}
    await queries.insert_team(unit, {**values, "id": team_id, **times})
    await queries.replace_roles(unit, team_id, role_ids)
    audit_team(unit, "created", team_id, payload.name, differences({}, {**values, "role_ids": _sorted(role_ids)}))
    return await get_team(unit, team_id)


async def replace_team(
    unit: WriteUnit, actor: Principal, team_id: UUID, payload: TeamReplace, expected_version: int | None
) -> Team:
    """Set all editable fields."""
    return await _change_team(unit, actor, team_id, payload.model_dump(), expected_version)


async def update_team(
    unit: WriteUnit, actor: Principal, team_id: UUID, payload: TeamPatch, expected_version: int | None
) -> Team:
    """Set the given fields."""
    return await _change_team(unit, actor, team_id, payload.model_dump(exclude_unset=True), expected_version)


async def delete_team(unit: WriteUnit, actor: Principal, team_id: UUID, expected_version: int | None) -> None:
    """Delete a team; its members lose what it carried in the same commit, the teams below it stand on their own."""
    await queries.lock_members(unit, team_id)
    current = await rules.lock_rights(unit, actor, "teams:delete")
    team = await _get(unit, team_id, expected_version)
    rules.check_roles(current, await get_roles_of(unit, team))
    moment = now()
    members = await queries.touch_members(unit, team_id, moment)
    children = await queries.free_children(unit, team_id, moment)
    await queries.delete_team(unit, team_id)
    await rules.keep_an_owner(unit)
    audit_team(unit, "deleted", team_id, team.name, [Change("members", members, 0), Change("children", children, 0)])
    forget_rights(unit)


async def get_roles_of(unit: ReadUnit, team: Team) -> list[Row[Any]]:
    """The roles a team carries, with what they hold."""
    return await rules.get_roles(unit, [role.id for role in team.roles])


async def _change_team(
    unit: WriteUnit, actor: Principal, team_id: UUID, values: dict[str, Any], expected_version: int | None
) -> Team:
    if "name" in values:
        await queries.lock_members(unit, team_id)
    current = await rules.lock_rights(unit, actor, "teams:update")
    team = await _get(unit, team_id, expected_version)
    carried = [role.id for role in team.roles]
    wanted: list[UUID] = list(dict.fromkeys(values.pop("role_ids", carried)))
    before = {**team.model_dump(include={"name", "description", "parent_id"}), "role_ids": _sorted(carried)}
    changes = differences(before, {**values, "role_ids": _sorted(wanted)})
    if not changes:
        return team
    if values.get("parent_id") not in {None, team.parent_id}:
        await _check_parent(unit, team_id, values["parent_id"])
    await _write(unit, current, team, values, wanted)
    audit_team(unit, "updated", team_id, values.get("name", team.name), changes)
    return await get_team(unit, team_id)


async def _write(
    unit: WriteUnit, current: Principal, team: Team, values: Mapping[str, Any], role_ids: Sequence[UUID]
) -> None:
    moment = now()
    await queries.update_team(unit, team.id, {**values, "updated_at": moment})
    if values.get("name", team.name) != team.name:
        await queries.touch_members(unit, team.id, moment)
    carried = {role.id for role in team.roles}
    if carried != set(role_ids):
        wanted = await rules.get_roles(unit, role_ids)
        lost = await find_roles(unit, list(carried.difference(role_ids)))
        rules.check_roles(current, [*(role for role in wanted if role.id not in carried), *lost])
        await queries.replace_roles(unit, team.id, role_ids)
        await rules.keep_an_owner(unit)
        forget_rights(unit)


async def _get(unit: ReadUnit, team_id: UUID, expected_version: int | None) -> Team:
    team = await get_team(unit, team_id)
    if expected_version not in {None, team.version}:
        raise VersionConflict
    return team


async def _check_parent(unit: ReadUnit, team_id: UUID, parent_id: UUID) -> None:
    """Raise unless the parent exists and is not below the team. The lock on rights keeps the tree as it is."""
    above = await queries.list_ancestors(unit, parent_id)
    if not above:
        raise UnknownReference("There is no such team.", pointer="/body/parent_id")
    if team_id in above:
        raise TeamCycle(pointer="/body/parent_id")


def _sorted(ids: Sequence[UUID]) -> list[str]:
    return sorted(str(item) for item in ids)


def audit_team(unit: WriteUnit, verb: str, team_id: UUID, name: str, changes: Sequence[Change]) -> None:
    """Note what was done to a team."""
    unit.audit(f"users.team.{verb}", target=Target("team", str(team_id), name), changes=changes)
