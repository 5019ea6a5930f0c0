"""Roles, teams and users of another system, by the rules that hold for those who are made here."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import UnknownReference
from database import WriteUnit
from serving.loading import Line, Loading
from users.loading.schemas import LoadedTeam
from users.roles.service import create_role
from users.teams.schemas import TeamCreate
from users.teams.service import create_team
from users.transfers.queries import find_role_ids
from users.transfers.reader import Line as ImportedLine
from users.transfers.reader import refuse_repetitions
from users.transfers.service import check_lines, create_lines


async def load_role(unit: WriteUnit, loading: Loading, line: Line) -> None:
    """A role. Raises RoleNameTaken, UnknownReference for a permission that nobody knows, or PermissionDenied."""
    await create_role(unit, loading.actor, line.payload, loading.visit.services, line.past)


async def load_team(unit: WriteUnit, loading: Loading, line: Line) -> None:
    """A team; its members say themselves that they are. Raises TeamNameTaken or UnknownReference."""
    given: LoadedTeam = line.payload
    ids = await find_role_ids(unit, {name.lower() for name in given.roles}) if given.roles else {}
    for number, name in enumerate(given.roles):
        if name.lower() not in ids:
            raise UnknownReference(f"There is none called {name!r}.", pointer=f"/body/roles/{number}")
    role_ids = [ids[name.lower()] for name in given.roles]
    payload = TeamCreate(**given.model_dump(exclude={"roles"}), role_ids=role_ids)
    await create_team(unit, loading.actor, payload, line.past)


async def load_users(unit: WriteUnit, loading: Loading, lines: Sequence[Line]) -> None:
    """Users, as an import makes them, but without a mail: they know their passwords."""
    imported = [ImportedLine(line.number, line.payload, id=line.past.id, past=line.past) for line in lines]
    refuse_repetitions(imported)
    await check_lines(unit, loading.actor, imported)
    await create_lines(unit, loading.actor, imported, loading.visit.settings, welcome=False)
    for line, result in zip(lines, imported, strict=True):
        for error in result.errors:
            line.refuse(f"/{error.column}" if error.column else "", error.code, error.message)
