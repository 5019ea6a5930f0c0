"""``python -m manage audit export``: an audit log as a file, suspended tenants' too."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Final
from uuid import UUID

import typer

import settings
import users
from common.enums import ActorType, AuditOutcome
from common.http.streaming import CutShortError
from manage.archives import finished_file, writing
from manage.intervention import act_in
from manage.output import counted_work, say
from manage.problems import CommandError

GZIP_LEVEL: Final = 1  # more makes the file little smaller and takes more than twice the time


def export(
    *,
    tenant: Annotated[str, typer.Option("--tenant", "-t", metavar="ID", help="The tenant, such as `acme`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file; `.gz` compresses it.", dir_okay=False)],
    format: Annotated[  # noqa: A002
        settings.operators.AuditExportFormat, typer.Option(help="`ndjson` and `json` can be proven by `verify-export`.")
    ] = settings.operators.AuditExportFormat.NDJSON,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    action: Annotated[str | None, typer.Option(help="Exact, or with a trailing `*` what begins so.")] = None,
    actor_id: UUID | None = None,
    actor_type: ActorType | None = None,
    target_type: str | None = None,
    target_id: str | None = None,
    outcome: AuditOutcome | None = None,
    since: Annotated[datetime | None, typer.Option("--from", help="That moment (UTC) and later.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="Before that moment (UTC).")] = None,
    request_id: str | None = None,
    q: Annotated[str | None, typer.Option("-q", help="Text to search for.")] = None,
) -> None:
    """Write a tenant's audit log to a file that only you can read. It gets its name when it is complete."""
    if output.exists() and not force:
        raise CommandError(f"{output} exists: name another file, or use --force.")
    filters = settings.operators.AuditFilters(
        action=action,
        actor_id=actor_id,
        actor_type=actor_type,
        target_type=target_type,
        target_id=target_id,
        outcome=outcome,
        since=since and since.replace(tzinfo=UTC),
        until=until and until.replace(tzinfo=UTC),
        request_id=request_id,
        q=q,
    )
    entries = _write(tenant, settings.operators.Wanted(format, filters), output)
    say(f"{output} is written ({entries:,} entries, {output.stat().st_size:,} bytes).")


def _write(tenant: str, wanted: settings.operators.Wanted, output: Path) -> int:
    with counted_work("Exporting") as advance, finished_file(output) as path, _opened(path, output) as file:

        async def take(data: bytes) -> None:
            with writing(str(output)):
                file.write(data)

        async def work(visit: users.operators.Intervention) -> int:
            return await settings.operators.export_log(visit, wanted, take, advance)

        try:
            return act_in(tenant, work)
        except CutShortError as error:
            raise CommandError(f"The export broke off: {error.__cause__}.") from error


def _opened(path: Path, output: Path) -> IO[bytes]:
    if output.suffix == ".gz":
        return gzip.open(path, "wb", compresslevel=GZIP_LEVEL)  # type: ignore[return-value] # typeshed knows no IO there
    return path.open("wb")
