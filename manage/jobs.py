"""``python -m manage jobs``: what the workers have still to do, and what they gave up."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Final, Literal
from uuid import UUID

import typer

import users
from manage.intervention import act, collect
from manage.output import AsJson, Columns, can_ask, say, show_list
from manage.problems import CommandError
from serving.visit import Visit

app = typer.Typer()

TenantId = Annotated[str | None, typer.Option("--tenant", "-t", metavar="ID", help="Only those of this tenant.")]
Kind = Annotated[str | None, typer.Option(help="Only those of this kind, such as `mail.invitation`.")]
Ids = Annotated[list[UUID] | None, typer.Argument(metavar="[JOB]...", help="The ids that `list` shows.")]
AllDead = Annotated[bool, typer.Option("--all-dead", help="All that were given up, of the tenant and kind named.")]
EVERYTHING: Final = sys.maxsize
Action = Callable[[Visit, UUID], Awaitable[users.operators.Job]]

COLUMNS: Final[Columns[users.operators.Job]] = {
    "id": lambda job: job.id,
    "tenant": lambda job: job.tenant_id,
    "kind": lambda job: job.kind,
    "state": lambda job: job.state,
    "attempts": lambda job: job.attempts,
    "due": lambda job: job.run_at,
    "last error": lambda job: job.last_error,
}


@app.command("list")
def list_jobs(
    *,
    state: Annotated[
        Literal["dead", "waiting", "any"],
        typer.Option(help="`dead` ones were given up, `waiting` ones are to be done."),
    ] = "any",
    tenant: TenantId = None,
    kind: Kind = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """List the jobs that wait or were given up, the oldest first, each with the error of its last attempt."""
    is_dead = {"dead": True, "waiting": False, "any": None}[state]
    jobs, is_cut = act(lambda visit: _collect(visit, is_dead, tenant, kind, limit))
    show_list(jobs, COLUMNS, as_json=as_json)
    if is_cut:
        say(f"These are the first {limit}: see --limit.")


@app.command()
def retry(
    jobs: Ids = None,
    *,
    all_dead: AllDead = False,
    tenant: TenantId = None,
    kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """Have jobs done at once, with all their attempts before them again."""
    revived = _each(users.operators.retry_job, jobs, all_dead=all_dead, tenant=tenant, kind=kind)
    show_list(revived, COLUMNS, as_json=as_json)
    say(f"{len(revived)} to be done now.")


@app.command()
def drop(
    jobs: Ids = None,
    *,
    all_dead: AllDead = False,
    tenant: TenantId = None,
    kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """Take jobs away: they are never done."""
    if can_ask() and not typer.confirm("Take them away for good?", err=True):
        raise CommandError("Nothing was changed.")
    dropped = _each(users.operators.drop_job, jobs, all_dead=all_dead, tenant=tenant, kind=kind)
    show_list(dropped, COLUMNS, as_json=as_json)
    say(f"{len(dropped)} dropped.")


def _each(
    action: Action, jobs: list[UUID] | None, *, all_dead: bool, tenant: str | None, kind: str | None
) -> list[users.operators.Job]:
    """Do it to the jobs named, or to all dead ones. Raises CommandError."""
    if bool(jobs) == all_dead or (jobs and (tenant or kind)):
        raise CommandError("Name the jobs, or use --all-dead, which --tenant and --kind narrow.")

    async def work(visit: Visit) -> list[users.operators.Job]:
        found = jobs or [job.id for job in (await _collect(visit, True, tenant, kind, EVERYTHING))[0]]
        return [await action(visit, job_id) for job_id in found]

    return act(work)


async def _collect(
    visit: Visit, is_dead: bool | None, tenant: str | None, kind: str | None, limit: int
) -> tuple[list[users.operators.Job], bool]:
    """From one server after the other."""
    name = users.operators.read_name(tenant) if tenant else None
    found: list[users.operators.Job] = []
    for shard in visit.services.database.servers:
        if len(found) == limit:
            return found, True
        list_jobs = partial(users.operators.list_jobs, visit, shard=shard, is_dead=is_dead, tenant=name, kind=kind)
        jobs, is_cut = await collect(visit.services, list_jobs, limit=limit - len(found))
        found += jobs
        if is_cut:
            return found, True
    return found, False
