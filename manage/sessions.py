"""``python -m manage sessions``: where a user is logged in, and ending that."""

from __future__ import annotations

import sys
from typing import Annotated, Final
from uuid import UUID

import typer

import users
from common.errors import ServiceError
from common.postgresql.errors import DATABASE_ERRORS
from manage.intervention import act, act_in, collect
from manage.output import AsJson, Columns, say, show_list
from manage.problems import CommandError
from serving.visit import Visit
from shared_models import Shape

app = typer.Typer()

TenantId = Annotated[str, typer.Option("--tenant", "-t", metavar="ID", help="The tenant, such as `acme`.")]
Account = Annotated[str, typer.Option("--user", "-u", metavar="USER", help="The user's name, e-mail address or id.")]

COLUMNS: Final[Columns[users.operators.Session]] = {
    "id": lambda session: session.id,
    "created at": lambda session: session.created_at,
    "last used at": lambda session: session.last_used_at,
    "expires at": lambda session: session.expires_at,
    "address": lambda session: session.ip_address,
    "browser": lambda session: session.user_agent,
}


class EndedSessions(Shape):
    """What became of the sessions of one tenant."""

    tenant: str
    ended: int | None
    problem: str | None = None


ENDED: Final[Columns[EndedSessions]] = {
    "tenant": lambda item: item.tenant,
    "ended": lambda item: item.ended,
    "problem": lambda item: item.problem,
}


@app.command("list")
def list_sessions(
    *,
    tenant: TenantId,
    user: Account,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """List where a user is logged in, newest first."""

    async def work(visit: users.operators.Intervention) -> tuple[list[users.operators.Session], bool]:
        async with visit.read() as unit:
            found = await users.operators.find_account(unit, user)
        return await collect(
            visit.services, lambda query: users.operators.list_sessions(visit, found, query), limit=limit
        )

    sessions, is_cut = act_in(tenant, work)
    show_list(sessions, COLUMNS, as_json=as_json)
    if is_cut:
        say(f"These are the first {limit}: see --limit.")


@app.command()
def end(
    session: Annotated[UUID | None, typer.Argument(metavar="[SESSION]", help="The id that `list` shows.")] = None,
    *,
    tenant: Annotated[
        str | None, typer.Option("--tenant", "-t", metavar="ID", help="The tenant, such as `acme`.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", "-u", metavar="USER", help="The user's name, e-mail address or id.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All sessions of the user.")] = False,
    everybody: Annotated[bool, typer.Option("--everybody", help="All sessions of all users of the tenant.")] = False,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="With --everybody: of every tenant.")] = False,
    as_json: AsJson = False,
) -> None:
    """End one session of a user, or all; or those of everybody. Their tokens are dead at once; API keys stay good.

    Exit code 1 if a tenant was left out.
    """
    if [session is not None, everything, everybody].count(True) != 1:
        raise CommandError("Name one session, or end --all of them, or those of --everybody.")
    if everybody:
        if user is not None or (tenant is None) != all_tenants:
            raise CommandError("--everybody is of one --tenant, or of --all-tenants.")
        _end_everybodys(tenant, as_json=as_json)
        return
    if tenant is None or user is None or all_tenants:
        raise CommandError("Whose sessions? Name --tenant and --user.")
    username = act_in(tenant, lambda visit: _of_user(visit, user, session))
    say(f"{'Every session' if everything else 'The session'} of {username} has ended.")


def _end_everybodys(tenant: str | None, *, as_json: bool) -> None:
    found = act(_of_every_tenant) if tenant is None else [act(lambda visit: _of_tenant(visit, tenant))]
    show_list(found, ENDED, as_json=as_json)
    if any(item.problem for item in found):
        raise typer.Exit(1)


async def _of_user(visit: users.operators.Intervention, user: str, session: UUID | None) -> str:
    """One of his sessions, or all; answers how he is called."""
    async with visit.read() as unit:
        found = await users.operators.find_account(unit, user)
    if session is None:
        await users.operators.end_all_sessions(visit, found)
    else:
        await users.operators.end_session(visit, found, session)
    return found.username


async def _of_every_tenant(visit: Visit) -> list[EndedSessions]:
    """One after the other, whatever their status. What cannot be entered just now is named and left out."""
    tenants, _ = await collect(
        visit.services, lambda query: users.operators.list_tenants(visit, query, status=None), limit=sys.maxsize
    )
    found = []
    for tenant in tenants:
        try:
            found.append(await _of_tenant(visit, tenant.id))
        except (*DATABASE_ERRORS, ServiceError) as problem:
            found.append(EndedSessions(tenant=tenant.id, ended=None, problem=type(problem).__name__))
    return found


async def _of_tenant(visit: Visit, tenant_id: str) -> EndedSessions:
    inside = await users.operators.intervene(visit, tenant_id)
    return EndedSessions(tenant=tenant_id, ended=await users.operators.end_everybodys_sessions(inside))
