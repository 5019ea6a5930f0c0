"""The rules of importing users: each line stands on its own, or all do together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from common.audit import Target, differences
from common.errors import PermissionDenied
from common.registry import Effective
from database import WriteUnit
from serving.loading import Past
from serving.visit import Visit
from shared_auth import Principal
from users.declarations import DEFAULT_LOCALE, TIME_ZONE
from users.mailing.orders import order_welcome
from users.rights.queries import find_roles, find_team_roles
from users.rights.rules import check_roles, lock_rights
from users.schemas import normalize_email, normalize_username
from users.transfers import queries
from users.transfers.reader import Line, read_lines
from users.transfers.schemas import ImportedUser, LineResult, LineStatus, UsersImportReport

# Lines that commit together when each stands on its own: few enough that nobody waits long for the audit log.
BATCH: Final = 500
HIDDEN_FIELDS: Final = frozenset({"password_hash"})  # of users of another system


class _TakenBackError(Exception):
    """Leaves a unit without committing it."""


@dataclass(frozen=True, slots=True)
class Named:
    """A role or team that a line names: its id, or why it cannot be given."""

    id: UUID | None
    code: str = ""
    message: str = ""


async def import_users(
    visit: Visit, actor: Principal, body: bytes, *, dry_run: bool, atomic: bool
) -> UsersImportReport:
    """Create the users of a CSV file, without passwords: each gets a welcome mail. Raises ImportInvalid.

    With ``atomic`` all lines are good or nothing is created; otherwise the good ones are.
    """
    lines = await asyncio.to_thread(read_lines, body)
    size = len(lines) if atomic else BATCH
    batches = [lines[start : start + size] for start in range(0, len(lines), size)] if lines else []
    created: set[UUID] = set()
    for batch in batches:
        try:
            async with visit.write() as unit:
                await check_lines(unit, actor, batch)
                if not dry_run and not (atomic and _failed(batch)):
                    made = await create_lines(unit, actor, batch, visit.settings, atomic=atomic)
                    if not made:
                        raise _TakenBackError
                    created |= made
        except _TakenBackError:
            continue
    return _report(lines, created, dry_run=dry_run, atomic=atomic)


async def check_lines(unit: WriteUnit, actor: Principal, lines: Sequence[Line]) -> None:
    """Refuse the lines whose names are taken, or whose roles and teams the actor cannot give."""
    actor = await lock_rights(unit, actor, "users:create")
    users = [line.user for line in lines if line.user is not None]
    emails, usernames = await queries.list_taken(
        unit, {normalize_email(user.email) for user in users}, {normalize_username(user.username) for user in users}
    )
    named = {
        "roles": await _roles(unit, actor, {name.lower() for user in users for name in user.roles}),
        "teams": await _teams(unit, actor, {name.lower() for user in users for name in user.teams}),
    }
    for line in lines:
        if line.user is None:
            continue
        if normalize_email(line.user.email) in emails:
            line.refuse("email", "email_taken", "Another user has this e-mail address.")
        if normalize_username(line.user.username) in usernames:
            line.refuse("username", "username_taken", "Another user has this user name.")
        for column, known in named.items():
            for item in _named(line.user, column, known):
                if item.id is None:
                    line.refuse(column, item.code, item.message)


async def _roles(unit: WriteUnit, actor: Principal, names: set[str]) -> dict[str, Named]:
    ids = await queries.find_role_ids(unit, names) if names else {}
    roles = {role.id: [role] for role in await find_roles(unit, list(ids.values()))}
    return {name: _judge(actor, name, ids.get(name), roles) for name in names}


async def _teams(unit: WriteUnit, actor: Principal, names: set[str]) -> dict[str, Named]:
    ids = await queries.find_team_ids(unit, names) if names else {}
    carried = {team.id: team.role_ids or [] for team in await find_team_roles(unit, list(ids.values()))}
    roles = {role.id: role for role in await find_roles(unit, [item for items in carried.values() for item in items])}
    given = {team_id: [roles[role_id] for role_id in role_ids] for team_id, role_ids in carried.items()}
    return {name: _judge(actor, name, ids.get(name), given) for name in names}


def _judge(actor: Principal, name: str, found: UUID | None, given: Mapping[UUID, Sequence[Any]]) -> Named:
    if found is None:
        return Named(None, "unknown_reference", f"There is none called {name!r}.")
    try:
        check_roles(actor, given[found])
    except PermissionDenied as error:
        return Named(None, error.code, error.detail)
    return Named(found)


async def create_lines(
    unit: WriteUnit,
    actor: Principal,
    lines: Sequence[Line],
    settings: Effective,
    *,
    atomic: bool = False,
    welcome: bool = True,
) -> set[UUID]:
    """Insert the good lines. One whose name was taken at this very moment is refused then; ``atomic``, all are."""
    good = {line.id: line.user for line in lines if line.user is not None and not line.errors}
    if not good:
        return set()
    rows = [_row(line.begun, good[line.id], settings) for line in lines if line.id in good]
    created = await queries.insert_users(unit, rows)
    for line in lines:
        if line.id in good and line.id not in created:
            line.refuse(None, "conflict", "Somebody took the address or the user name at this moment.")
    if atomic and _failed(lines):
        raise _TakenBackError
    if not created:
        return created
    users = {user_id: user for user_id, user in good.items() if user_id in created}
    await _link(unit, actor, users)
    for user_id, user in users.items():
        target = Target("user", str(user_id), user.username)
        given = user.model_dump(exclude_defaults=True)
        unit.audit("users.user.created", target=target, changes=differences({}, given, hidden=HIDDEN_FIELDS))
        if welcome:
            order_welcome(unit, user_id)
    return created


async def _link(unit: WriteUnit, actor: Principal, users: Mapping[UUID, ImportedUser]) -> None:
    role_ids = await queries.find_role_ids(unit, {name.lower() for user in users.values() for name in user.roles})
    team_ids = await queries.find_team_ids(unit, {name.lower() for user in users.values() for name in user.teams})
    roles = [
        {"user_id": user_id, "role_id": role_id, "granted_by": actor.user_id}
        for user_id, user in users.items()
        for role_id in {role_ids[name.lower()] for name in user.roles}
    ]
    teams = [
        {"user_id": user_id, "team_id": team_id}
        for user_id, user in users.items()
        for team_id in {team_ids[name.lower()] for name in user.teams}
    ]
    await queries.insert_links(unit, roles, teams)


def _row(begun: Past, user: ImportedUser, settings: Effective) -> dict[str, Any]:
    return {
        **user.model_dump(exclude={"roles", "teams"}),
        "locale": user.locale or settings[DEFAULT_LOCALE],
        "timezone": user.timezone or settings[TIME_ZONE],
        "email_normalized": normalize_email(user.email),
        "username_normalized": normalize_username(user.username),
        "id": begun.id,
        "created_at": begun.created_at,
        "updated_at": begun.updated_at,
    }


def _named(user: ImportedUser, column: str, known: Mapping[str, Named]) -> Iterable[Named]:
    return (known[name.lower()] for name in getattr(user, column))


def _failed(lines: Sequence[Line]) -> bool:
    return any(line.errors for line in lines)


def _report(lines: Sequence[Line], created: set[UUID], *, dry_run: bool, atomic: bool) -> UsersImportReport:
    results = [_result(line, created) for line in lines]
    failed = sum(result.status == LineStatus.ERROR for result in results)
    return UsersImportReport(dry_run=dry_run, atomic=atomic, created=len(created), failed=failed, results=results)


def _result(line: Line, created: set[UUID]) -> LineResult:
    if line.errors:
        return LineResult(line=line.number, status=LineStatus.ERROR, errors=line.errors)
    if line.id in created:
        return LineResult(line=line.number, status=LineStatus.CREATED, id=line.id)
    return LineResult(line=line.number, status=LineStatus.WOULD_CREATE)
