"""``python -m manage tenants move | leftovers``: tenants on several servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

import users
from manage.intervention import act
from manage.output import AsJson, Columns, is_watched, say, show_item, show_list
from migrations.move import Moved, Report, TenantMover
from migrations.provision import TenantProvisioner
from migrations.sweep import Leftover, list_leftovers, remove_leftovers
from serving.visit import Visit
from shared_models import Shape

TenantId = Annotated[str, typer.Argument(metavar="ID", help="The tenant, such as `acme` or `tenant_acme`.")]
To = Annotated[str, typer.Option("--to", metavar="SHARD", help="A name of DATABASE_SHARDS, or `default`.")]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the rows where they were, closed, until `leftovers --drop`.")]


class MoveReport(Shape):
    """What a move did."""

    tenant_id: str
    moved: bool
    source: str
    target: str
    rows: int = 0
    bytes: int = 0
    jobs: int = 0
    refused_seconds: float = 0.0


class LeftoverShown(Shape):
    """What a server has of a tenant that is elsewhere."""

    shard: str
    tenant_id: str
    lives_on: str | None


COLUMNS: Final[Columns[LeftoverShown]] = {
    "on": lambda item: item.shard,
    "tenant": lambda item: item.tenant_id,
    "lives on": lambda item: item.lives_on,
}


def move(tenant_id: TenantId, *, to: To, keep: Keep = False, as_json: AsJson = False) -> None:
    """Move a tenant to another server while the service runs. Its requests get 503 while its rows are copied; nobody
    else notices.

    A command that was killed is run again: it starts anew, or ends what is left to do. To the shard where the tenant
    is, it takes back a move that did not get through.
    """

    async def work(visit: Visit) -> MoveReport:
        name = users.operators.read_name(tenant_id)
        mover = TenantMover(TenantProvisioner(visit.services.config))
        with _told() as report:
            moved = await mover.move(name, to, visit.origin, actor=visit.operator, keep=keep, report=report)
        return _describe(name.schema, to, moved)

    done = act(work)
    show_item(done, as_json=as_json)
    say(f"{tenant_id} is on {to}." if done.moved else f"{tenant_id} is on {to}: nothing had to be copied.")


def leftovers(
    *,
    drop: Annotated[bool, typer.Option("--drop", help="Drop them, for good.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what servers have of tenants that are elsewhere, or nowhere: after a creation or a move that was killed, or
    a move with `--keep`."""

    async def work(visit: Visit) -> list[Leftover]:
        provisioner = TenantProvisioner(visit.services.config)
        return await (remove_leftovers(provisioner) if drop else list_leftovers(provisioner))

    found = act(work)
    shown = [LeftoverShown(shard=item.shard, tenant_id=item.name.schema, lives_on=item.lives_on) for item in found]
    show_list(shown, COLUMNS, as_json=as_json)
    if found:
        say(f"{len(found)} dropped." if drop else "Nobody can get at them. Drop them with --drop.")


def _describe(tenant_id: str, target: str, moved: Moved | None) -> MoveReport:
    if moved is None:
        return MoveReport(tenant_id=tenant_id, moved=False, source=target, target=target)
    copied = moved.copied
    return MoveReport(
        tenant_id=tenant_id,
        moved=True,
        source=moved.source,
        target=moved.target,
        rows=copied.rows,
        bytes=copied.bytes,
        jobs=copied.jobs,
        refused_seconds=round(moved.refused_seconds, 3),
    )


@contextmanager
def _told() -> Iterator[Report]:
    """A bar that says which step it is and how much is copied, while somebody looks; nothing elsewhere."""
    if not is_watched():
        yield lambda *_: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda step, done, total: progress.update(task, description=step, completed=done, total=total or None)
