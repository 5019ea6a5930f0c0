"""``python -m manage tenants log``: what was done to tenants, keys and jobs, also when the tenant is gone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

import users
from manage.intervention import act, collect
from manage.output import AsJson, Columns, say, show_list
from serving.visit import Visit

COLUMNS: Final[Columns[users.operators.PlatformAuditLog]] = {
    "number": lambda entry: entry.seq,
    "time": lambda entry: entry.occurred_at,
    "action": lambda entry: entry.action,
    "tenant": lambda entry: entry.tenant_id,
    "target": lambda entry: (entry.target.name or entry.target.id) if entry.target else None,
    "outcome": lambda entry: entry.outcome,
    "by": lambda entry: entry.actor.name or entry.actor.type,
    "address": lambda entry: entry.ip_address,
}

Moment = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="In UTC.")]


def log(
    tenant_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only of this tenant, which may be gone.")
    ] = None,
    *,
    action: Annotated[
        str | None, typer.Option(help="Only this, such as `tenant.dropped`; a trailing `*` stands for any ending.")
    ] = None,
    since: Moment = None,
    until: Moment = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Show the platform's own audit log, the newest entry first."""

    async def work(visit: Visit) -> tuple[list[users.operators.PlatformAuditLog], bool]:
        name = users.operators.read_name(tenant_id).tenant_id if tenant_id else None
        wanted = users.operators.LogFilter(action, name, _in_utc(since), _in_utc(until))
        return await collect(visit.services, lambda query: users.operators.list_log(visit, query, wanted), limit=limit)

    entries, is_cut = act(work)
    show_list(entries, COLUMNS, as_json=as_json)
    if is_cut:
        say(f"These are the newest {limit}: see --limit.")


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None
