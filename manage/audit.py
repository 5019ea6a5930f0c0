"""``python -m manage audit``: proving audit logs, where they lie and as files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

import settings
import users
from common.errors import TenantOutdated
from manage.audit_export import export
from manage.intervention import act
from manage.output import AsJson, Columns, counted_work, say, show_item, show_list
from manage.problems import CommandError
from serving.visit import Visit
from shared_models import Shape

app = typer.Typer()
app.command()(export)

Advance = Callable[[int, int], None]


class VerifiedLog(Shape):
    """What became of one tenant's log."""

    tenant: str
    ok: bool
    checked: int
    first_break: str | None


COLUMNS: Final[Columns[VerifiedLog]] = {
    "tenant": lambda log: log.tenant,
    "whole": lambda log: log.ok,
    "entries": lambda log: log.checked,
    "first break": lambda log: log.first_break,
}


@app.command()
def verify(
    *,
    tenant: Annotated[
        str | None, typer.Option("--tenant", "-t", metavar="ID", help="The tenant, such as `acme`.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every tenant, one after the other.")] = False,
    system: Annotated[bool, typer.Option("--system", help="The platform's own log.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute the hashes of an audit log. Exit code 1 when it is broken."""
    if [tenant is not None, everything, system].count(True) != 1:
        raise CommandError("Name one --tenant, or verify --all of them, or the --system.")
    with counted_work("Verifying") as advance:
        found = act(_every(advance) if everything else _one(tenant, advance))
    if everything:
        show_list(found, COLUMNS, as_json=as_json)
    else:
        show_item(found[0], as_json=as_json)
    if not all(log.ok for log in found):
        raise typer.Exit(1)


@app.command("verify-export")
def verify_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What the export wrote.", exists=True, dir_okay=False)],
    *,
    public_key: Annotated[
        str | None, typer.Option(metavar="HEX", help="The only key whose signatures are believed.")
    ] = None,
) -> None:
    """Prove an exported audit log. Nothing of the service is needed for it, see docs/audit.md. Exit code 1 when it is
    broken."""
    size = file.stat().st_size
    try:
        with counted_work("Verifying") as advance:
            proof = settings.operators.verify_file(file, public_key, lambda done: advance(done, size))
    except settings.operators.Broken as broken:
        say(f"NOT proven: entry {broken.seq}: {broken.kind}: {broken.meaning}.")
        raise typer.Exit(1) from None
    except (settings.operators.Unreadable, OSError) as error:
        raise CommandError(f"{file} cannot be read as an export: {error}.") from error
    print(settings.operators.describe(proof, is_pinned=public_key is not None))


def _one(tenant: str | None, advance: Advance) -> Callable[[Visit], Awaitable[list[VerifiedLog]]]:
    async def work(visit: Visit) -> list[VerifiedLog]:
        if tenant is None:
            return [await _verify_chain(settings.operators.platform_chain(visit.services), advance)]
        return [await _verify(visit, tenant, advance)]

    return work


def _every(advance: Advance) -> Callable[[Visit], Awaitable[list[VerifiedLog]]]:
    async def work(visit: Visit) -> list[VerifiedLog]:
        names = await visit.services.audit_keeper.list_tenants()
        found = []
        for number, name in enumerate(names):
            advance(number, len(names))
            try:
                found.append(await _verify(visit, name.schema, lambda _done, _all: None))
            except TenantOutdated:  # migrated, dropped or changed meanwhile
                say(f"{name.schema} is not of this version and was left out.")
        return found

    return work


async def _verify(visit: Visit, tenant_id: str, advance: Advance) -> VerifiedLog:
    intervention = await users.operators.intervene(visit, tenant_id)
    assert intervention.tenant is not None
    return await _verify_chain(settings.operators.chain_of(visit.services, intervention.tenant), advance)


async def _verify_chain(chain: settings.operators.Chain, advance: Advance) -> VerifiedLog:
    found = await settings.operators.verify_chain(replace(chain, advance=advance))
    first = f"{found.first_break.kind} at {found.first_break.seq}" if found.first_break else None
    return VerifiedLog(tenant=chain.tenant, ok=found.ok, checked=found.checked, first_break=first)
