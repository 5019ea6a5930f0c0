"""``python -m manage users``: what an operator does for the users of a tenant when nobody inside can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import typer

import users
from manage.intervention import act_in, collect
from manage.output import AsJson, Columns, say, show_item, show_list

app = typer.Typer()

TenantId = Annotated[str, typer.Option("--tenant", "-t", metavar="ID", help="The tenant, such as `acme`.")]
Account = Annotated[str, typer.Argument(metavar="USER", help="The user's name, e-mail address or id.")]

COLUMNS: Final[Columns[users.operators.User]] = {
    "username": lambda user: user.username,
    "email": lambda user: user.email,
    "full name": lambda user: user.full_name,
    "roles": lambda user: [role.name for role in user.roles],
    "active": lambda user: user.is_active,
    "verified": lambda user: user.is_verified,
    "last login": lambda user: user.last_login_at,
    "id": lambda user: user.id,
}


@app.command("list")
def list_users(
    *,
    tenant: TenantId,
    q: Annotated[str | None, typer.Option(help="Only those with this text in a name or the address.")] = None,
    role: Annotated[str | None, typer.Option(help="Only those with this role.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """List users, newest first."""

    async def work(visit: users.operators.Intervention) -> tuple[list[users.operators.User], bool]:
        async with visit.read() as unit:
            return await collect(
                visit.services,
                lambda query: users.operators.list_users(unit, query, is_active=active, role=role, team=None),
                limit=limit,
                q=q,
            )

    found, is_cut = act_in(tenant, work)
    show_list(found, COLUMNS, as_json=as_json)
    if is_cut:
        say(f"These are the first {limit}: see --limit.")


@app.command()
def show(user: Account, *, tenant: TenantId, as_json: AsJson = False) -> None:
    """Show one user."""
    show_item(act_in(tenant, lambda visit: _find(visit, user)), as_json=as_json)


@app.command()
def unlock(user: Account, *, tenant: TenantId) -> None:
    """Let a user who failed to log in too often try again at once."""
    found = _act_on(tenant, user, users.operators.unlock)
    say(f"{found.username} may try again.")


@app.command("reset-password")
def reset_password(user: Account, *, tenant: TenantId) -> None:
    """Have a link for a new password mailed to a user; the running service sends it."""
    found = _act_on(tenant, user, users.operators.order_new_password)
    say(f"A link is on its way to {found.email}.")


@app.command()
def deactivate(user: Account, *, tenant: TenantId, as_json: AsJson = False) -> None:
    """Shut a user out: sessions and API keys end at once. The last owner stays."""
    _set_active(tenant, user, False, as_json=as_json)


@app.command()
def activate(user: Account, *, tenant: TenantId, as_json: AsJson = False) -> None:
    """Let a deactivated user log in again."""
    _set_active(tenant, user, True, as_json=as_json)


@app.command("grant-role")
def grant_role(
    user: Account,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="The role's name, such as `owner`.")],
    *,
    tenant: TenantId,
    as_json: AsJson = False,
) -> None:
    """Give a user a role, whatever it is: for a tenant whose owners are out of reach. The audit log says so."""

    async def work(visit: users.operators.Intervention) -> users.operators.User:
        found = await _find(visit, user)
        async with visit.write() as unit:
            return await users.operators.grant_role(unit, found.id, role)

    show_item(act_in(tenant, work), as_json=as_json)


def _set_active(tenant: str, user: str, is_active: bool, *, as_json: bool) -> None:
    async def work(visit: users.operators.Intervention) -> users.operators.User:
        found = await _find(visit, user)
        async with visit.write() as unit:
            return await users.operators.set_active(unit, found.id, is_active)

    show_item(act_in(tenant, work), as_json=as_json)


def _act_on(
    tenant: str, user: str, change: Callable[[users.operators.Intervention, users.operators.User], Awaitable[None]]
) -> users.operators.User:
    async def work(visit: users.operators.Intervention) -> users.operators.User:
        found = await _find(visit, user)
        await change(visit, found)
        return found

    return act_in(tenant, work)


async def _find(visit: users.operators.Intervention, user: str) -> users.operators.User:
    async with visit.read() as unit:
        return await users.operators.find_account(unit, user)
