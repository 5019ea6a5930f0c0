"""``python -m manage tenants``: the platform's tenants, one by one and as a fleet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from pydantic import ValidationError

import users
from manage import archives, platform_log, shards
from manage.intervention import act, collect
from manage.kept_secrets import new_secret
from manage.output import AsJson, Columns, can_ask, is_terminal, say, show_item, show_list
from manage.problems import CommandError
from serving.visit import Visit

app = typer.Typer()

TenantId = Annotated[str, typer.Argument(metavar="ID", help="The tenant, such as `acme` or `tenant_acme`.")]
COLUMNS: Final[Columns[users.operators.PlatformTenant]] = {
    "id": lambda tenant: tenant.id,
    "name": lambda tenant: tenant.name,
    "status": lambda tenant: tenant.status,
    "revision": lambda tenant: tenant.revision,
    "created at": lambda tenant: tenant.created_at,
    "delete after": lambda tenant: tenant.delete_after,
    "shard": lambda tenant: f"{tenant.shard} > {tenant.moving_to}" if tenant.moving_to else tenant.shard,
}


@app.command("list")
def list_tenants(
    *,
    status: Annotated[
        Literal["active", "suspended", "deleting"] | None, typer.Option(help="Only those of this status.")
    ] = None,
    q: Annotated[str | None, typer.Option(help="Only those with this text in id or name.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """List tenants by id."""

    async def work(visit: Visit) -> tuple[list[users.operators.PlatformTenant], bool]:
        return await collect(
            visit.services, lambda query: users.operators.list_tenants(visit, query, status=status), limit=limit, q=q
        )

    tenants, is_cut = act(work)
    show_list(tenants, COLUMNS, as_json=as_json)
    if is_cut:
        say(f"These are the first {limit}: see --limit.")


@app.command()
def show(tenant_id: TenantId, *, as_json: AsJson = False) -> None:
    """Show one tenant."""
    show_item(act(lambda visit: users.operators.get_tenant(visit, tenant_id)), as_json=as_json)


@app.command()
def create(
    tenant_id: TenantId,
    *,
    name: Annotated[str, typer.Option(help="What people call the tenant.")],
    admin_email: Annotated[str, typer.Option(help="The owner's address.")],
    admin_username: Annotated[str, typer.Option(help="The owner's user name.")],
    admin_full_name: Annotated[str | None, typer.Option(help="The owner's full name.")] = None,
    admin_password_file: Annotated[
        Path | None,
        typer.Option(
            help="A file with the owner's password; `-` is standard input. Without it a terminal asks, and elsewhere a "
            "password is made and printed.",
            allow_dash=True,
        ),
    ] = None,
    shard: archives.OnShard = None,
    as_json: AsJson = False,
) -> None:
    """Create a tenant and its owner, all or nothing."""
    password = _read_password(admin_password_file)
    made = None if password else new_secret()
    payload = _payload(
        {"name": name},
        {
            "email": admin_email,
            "username": admin_username,
            "password": password or made,
            "full_name": admin_full_name,
        },
    )

    async def work(visit: Visit) -> users.operators.TenantCreated:
        visit.name = users.operators.read_name(tenant_id)
        return await users.operators.create_tenant(visit, payload, shard=shard)

    created = act(work)
    show_item(created, as_json=as_json, more={"admin_password": made} if made else None)
    if made:
        say("The password is shown this once; it is stored nowhere.")


@app.command()
def suspend(tenant_id: TenantId, *, as_json: AsJson = False) -> None:
    """Refuse a tenant's requests (403) until it is activated; its data stays."""
    _set_status(tenant_id, "suspended", as_json=as_json)


@app.command()
def activate(tenant_id: TenantId, *, as_json: AsJson = False) -> None:
    """Serve a tenant again. Also takes a deletion back, while the data is there."""
    _set_status(tenant_id, "active", as_json=as_json)


@app.command()
def delete(
    tenant_id: TenantId,
    *,
    confirm: Annotated[
        str | None, typer.Option(metavar="ID", help="The id again: drop the data now, for good.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Mark a tenant for deletion: it is not served any more, and dropped when its grace is over
    (TENANT_DELETE_GRACE_DAYS). With `--confirm` it is dropped at once."""
    if confirm is None and can_ask() and not typer.confirm(f"Mark {tenant_id} for deletion?", err=True):
        raise CommandError("Nothing was changed.")
    marked = act(lambda visit: users.operators.delete_tenant(visit, tenant_id, confirm))
    if marked is None:
        say(f"{tenant_id} is dropped, with all its data.")
    else:
        show_item(marked, as_json=as_json)
        say(f"Take it back with: python -m manage tenants activate {tenant_id}")


@app.command()
def outdated(*, as_json: AsJson = False) -> None:
    """List the tenants that wait for `python -m manage migrate`, the first hundred of them."""
    fleet = act(users.operators.describe_fleet)
    if as_json or is_terminal():
        show_item(fleet, as_json=as_json)
    else:
        sys.stdout.writelines(f"{tenant_id}\n" for tenant_id in fleet.outdated)


for name, command in (
    ("export", archives.export),
    ("import", archives.load),
    ("clone", archives.clone),
    ("log", platform_log.log),
    ("move", shards.move),
    ("leftovers", shards.leftovers),
):
    app.command(name)(command)


def _set_status(tenant_id: str, status: Literal["active", "suspended"], *, as_json: bool) -> None:
    patch = users.operators.PlatformTenantPatch(status=status)
    show_item(act(lambda visit: users.operators.update_tenant(visit, tenant_id, patch)), as_json=as_json)


def _read_password(file: Path | None) -> str | None:
    """From the file, or from a person; None when one is to be made. Raises CommandError."""
    if file is None:
        if not can_ask():
            return None
        question = "Password of the owner (nothing: one is made)"
        return str(typer.prompt(question, default="", hide_input=True, confirmation_prompt=True, err=True)) or None
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise CommandError(f"{file} cannot be read: {reason}.") from error
    password = text.removesuffix("\n").removesuffix("\r")
    if not password:
        raise CommandError(f"{file} is empty.")
    return password


def _payload(tenant: dict[str, str], admin: dict[str, str | None]) -> users.operators.TenantCreate:
    """Raises CommandError, with a sentence for every option that does not fit."""
    try:
        return users.operators.TenantCreate(**tenant, admin=users.operators.FirstAdministrator.model_validate(admin))
    except ValidationError as error:
        prefix = "--" if error.title == users.operators.TenantCreate.__name__ else "--admin-"
        wrong = [f"{prefix}{str(item['loc'][0]).replace('_', '-')}: {item['msg']}" for item in error.errors()]
        raise CommandError("\n".join(wrong)) from None
