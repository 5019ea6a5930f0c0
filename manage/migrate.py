"""``python -m manage migrate``: the system schema and every tenant, upgraded."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from common.config import Config
from common.ids import TenantName
from common.shards import HOME
from manage.output import cell, show_json
from manage.problems import CommandError
from migrations.everywhere import migrate_all_servers, plan_all_servers
from migrations.fleet import DEFAULT_WORKERS, Choice, FleetReport

MEND: Final = "The failed tenants answer 503 and the others work; mend what the lines above say, then run this again."
GO_ON: Final = "The run was stopped; run it again to go on."

Watch = Callable[[FleetReport], None]


def migrate(tenant: str | None, limit: int | None, workers: int | None, *, as_json: bool) -> None:
    """Upgrade what is behind, with a line for each tenant, or a bar while somebody looks. Raises CommandError when a
    tenant or a shard could not be upgraded, or tenants were left because somebody stopped the run."""
    config, choice = Config.from_environment(), _choice(tenant, limit)
    with _watching(as_json=as_json) as watch:
        report = asyncio.run(_run(config, watch, choice, workers or DEFAULT_WORKERS))
    if as_json:
        show_json(_describe(report) | {"tenants": [asdict(outcome) for outcome in report.outcomes]})
    else:
        print(summary(report))
    _complain(report)
    if len(report.outcomes) < len(report.chosen):
        raise CommandError(GO_ON)


def show_plan(tenant: str | None, limit: int | None, *, as_json: bool) -> None:
    """Say who is behind and what would be run, by the revision they are at."""
    report, plans = asyncio.run(plan_all_servers(Config.from_environment(), _choice(tenant, limit)))
    groups = {revision: [one.tenant for one in report.chosen if one.revision == revision] for revision in plans}
    if as_json:
        steps = [{"revision": revision, "tenants": groups[revision], "sql": sql} for revision, sql in plans.items()]
        show_json(_describe(report) | {"plans": steps})
        _complain(report)
        return
    for revision, sql in plans.items():
        print(f"-- {len(groups[revision])} at revision {revision}: {', '.join(groups[revision])}")
        print(sql if sql is not None else "-- A revision on the way reads rows: Alembic runs it tenant by tenant.\n")
    print(f"-- {report.total} tenants: {len(report.behind)} behind, {len(report.chosen)} would be upgraded.")
    _complain(report)


def last_line(report: FleetReport) -> str:
    """What came of the tenant that was the last to be finished."""
    outcome = report.outcomes[-1]
    results = {"current": "upgraded by another run", "upgraded": "upgraded"}
    said = results.get(outcome.result, cell(outcome.error))
    tries = f" ({outcome.tries} tries)" if outcome.tries > 1 else ""
    place = f" on {outcome.shard}" if outcome.shard != HOME else ""
    return f"[{len(report.outcomes)}/{len(report.chosen)}] {outcome.tenant}{place}: {said}{tries}"


def summary(report: FleetReport) -> str:
    """The whole run in a sentence."""
    numbers = _describe(report)
    left = f", {numbers['left']} left" if numbers["left"] else ""
    return (
        f"{numbers['total']} tenants: {numbers['upgraded']} upgraded, {numbers['current']} current already, "
        f"{numbers['failed']} failed{left}."
    )


def _describe(report: FleetReport) -> dict[str, Any]:
    upgraded, failed, left = len(report.upgraded), len(report.failed), report.left
    current = report.total - upgraded - failed - left
    numbers = {"total": report.total, "upgraded": upgraded, "current": current, "failed": failed, "left": left}
    return numbers | {"lost": report.lost}


def _complain(report: FleetReport) -> None:
    lines = [f"The shard {shard} was left out. {reason}" for shard, reason in report.lost.items()]
    lines += [MEND] if report.failed or lines else []
    if lines:
        raise CommandError("\n".join(lines))


def _choice(tenant: str | None, limit: int | None) -> Choice:
    name = TenantName.parse(tenant) if tenant is not None else None
    if tenant is not None and name is None:
        raise CommandError(f"{tenant} is no tenant's id.")
    return Choice(name.tenant_id if name else None, limit)


async def _run(config: Config, watch: Watch, choice: Choice, workers: int) -> FleetReport:
    """The first signal lets the tenants in hand be finished, the second one ends them: they stay what they were."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    run = asyncio.ensure_future(migrate_all_servers(config, watch, choice=choice, workers=workers, stop=stop))

    def heed() -> None:
        if stop.is_set():
            run.cancel()
        else:
            print("Finishing the tenants in hand; once more ends them, and they stay as they were.", file=sys.stderr)
            stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, heed)
    try:
        return await run
    except asyncio.CancelledError:
        raise CommandError(GO_ON) from None


@contextmanager
def _watching(*, as_json: bool) -> Iterator[Watch]:
    if as_json:
        yield lambda _report: None
    elif not sys.stdout.isatty():
        yield lambda report: print(last_line(report), flush=True)
    else:
        with _bar() as watch:
            yield watch


@contextmanager
def _bar() -> Iterator[Watch]:
    """A bar with the numbers, the rate and the time that is left; who fails is named above it."""
    columns = (
        TextColumn("Upgrading", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed, {task.fields[rate]:.1f}/s", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(), transient=True) as progress:
        task = progress.add_task("", total=None, failed=0, rate=0.0)

        def watch(report: FleetReport) -> None:
            done, failed = len(report.outcomes), len(report.failed)
            rate = done / (progress.tasks[0].elapsed or 1.0)
            progress.update(task, completed=done, total=len(report.chosen), failed=failed, rate=rate)
            if report.outcomes[-1].error is not None:
                progress.console.print(last_line(report), markup=False, highlight=False)

        yield watch
