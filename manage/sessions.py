"""``python -m manage sessions``: where a user is logged in, and ending that."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import typer

import users
from manage.intervention import act_in, collect
from manage.output import AsJson, Columns, say, show_list
from manage.problems import CommandError

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
    tenant: TenantId,
    user: Account,
    everything: Annotated[bool, typer.Option("--all", help="All sessions of the user.")] = False,
) -> None:
    """End one session of a user, or all. Their tokens are dead at once."""
    if (session is None) != everything:
        raise CommandError("Name one session, or end --all of them.")

    async def work(visit: users.operators.Intervention) -> str:
        async with visit.read() as unit:
            found = await users.operators.find_account(unit, user)
        if session is None:
            await users.operators.end_all_sessions(visit, found)
        else:
            await users.operators.end_session(visit, found, session)
        return found.username

    username = act_in(tenant, work)
    say(f"{'Every session' if everything else 'The session'} of {username} has ended.")
