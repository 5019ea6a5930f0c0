"""``python -m manage load``: another system's users, records and files into a tenant (docs/MIGRATION_GUIDE.md)."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TextIO

import typer

import users
from manage.intervention import act_in
from manage.loading.folder import Folder
from manage.loading.mapping import read_mapping
from manage.loading.queries import reading
from manage.loading.report import KindReport, Report, Reporter
from manage.loading.rows import Source
from manage.loading.work import KINDS, Run
from manage.output import AsJson, Columns, say, show_json, show_list
from manage.problems import CommandError
from serving.loading import Loading

URL_STARTS: Final = ("postgresql://", "postgres://")
COLUMNS: Final[Columns[KindReport]] = {
    "kind": lambda kind: kind.kind,
    "from": lambda kind: kind.place,
    "lines": lambda kind: str(kind.lines),
    "created": lambda kind: str(kind.created),
    "there": lambda kind: str(kind.exists),
    "outdated": lambda kind: str(kind.outdated),
    "failed": lambda kind: str(kind.failed),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be loaded, and how."""

    source: str
    mapping: Path | None
    contents: Path | None
    source_tenant: str | None
    kinds: tuple[str, ...]
    batch: int
    dry_run: bool


def load(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, such as `acme`.")],
    *,
    source: Annotated[
        str,
        typer.Option("--from", metavar="FOLDER|URL", help="A folder of files, or the URL of a PostgreSQL."),
    ],
    mapping: Annotated[
        Path | None, typer.Option("--map", metavar="FILE", help="By which queries a database is read (TOML).")
    ] = None,
    source_tenant: Annotated[
        str | None, typer.Option(metavar="VALUE", help="Which tenant of the database: the queries' $1.")
    ] = None,
    contents: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="What is in the attachments; `attachments` in the folder.")
    ] = None,
    only: Annotated[str | None, typer.Option(metavar="KINDS", help="Only these, such as `users,notes`.")] = None,
    batch: Annotated[int, typer.Option(min=1, max=5000, help="Lines that are committed together.")] = 200,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what became of each line (NDJSON).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do all of it, and take it back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load another system's users, records and files into a tenant.

    Lines that are good are kept, the others reported. Safe to repeat: what was loaded before stays as it is, and a
    killed run is simply run again. No mail is sent. Exit code 1 if any line failed.
    """
    wanted = Wanted(source, mapping, contents, source_tenant, _read_kinds(only), batch, dry_run)
    with _writing(report) as file:
        reporter = Reporter(file, dry_run=dry_run)
        found = act_in(tenant, lambda visit: _load(visit, wanted, reporter))
    _show(found, as_json=as_json)
    if any(kind.failed for kind in found.kinds):
        raise typer.Exit(1)


async def _load(visit: users.operators.Intervention, wanted: Wanted, reporter: Reporter) -> Report:
    async with visit.read() as unit:
        actor = await users.operators.stand_for_owner(unit, visit)
    async with _open(wanted) as source:
        loading = Loading(visit, actor, source.contents, wanted.dry_run)
        await Run(loading, source, reporter, wanted.batch).load(wanted.kinds)
    return reporter.finish(dry_run=wanted.dry_run)


@asynccontextmanager
async def _open(wanted: Wanted) -> AsyncIterator[Source]:
    if not wanted.source.startswith(URL_STARTS):
        if wanted.mapping is not None:
            raise CommandError("--map goes with a database; a folder's files have our names already.")
        yield Folder(Path(wanted.source), KINDS, wanted.contents)
        return
    if wanted.mapping is None:
        raise CommandError("A database needs --map: a file that says by which queries it is read.")
    queries = read_mapping(wanted.mapping, KINDS, wanted.source_tenant)
    async with reading(wanted.source, queries, wanted.contents) as source:
        yield source


@contextmanager
def _writing(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    try:
        with path.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error


def _read_kinds(only: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in only.split(",")) if only else KINDS
    unknown = sorted(set(names) - set(KINDS))
    if unknown:
        raise CommandError(f"There is no kind {', '.join(unknown)}; known are {', '.join(KINDS)}.")
    return names


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        show_json(report.model_dump(mode="json"))
        return
    show_list(report.kinds, COLUMNS, as_json=False)
    sys.stdout.flush()  # the sums come before what was wrong, also where both go into one file
    for line in report.faults:
        for fault in line.errors:
            where = f" {fault.pointer}" if fault.pointer else ""
            say(f"{line.place}, line {line.line}{where}: {fault.message} ({fault.code})")
    if report.dry_run:
        say("This was a dry run: nothing was changed.")
