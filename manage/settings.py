"""``python -m manage settings``: what a tenant has set, or the platform for all of them."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

import settings
import users
from common.enums import SettingType
from manage.intervention import Result, act, act_in, collect
from manage.key_rotation import rotate_key
from manage.output import AsJson, Columns, say, show_item, show_list
from manage.problems import CommandError
from manage.setting_places import InSystem, InTenant, Place, ShownSetting, text_of
from serving.visit import Visit

app = typer.Typer()
app.command("rotate-key")(rotate_key)

TenantId = Annotated[str | None, typer.Option("--tenant", "-t", metavar="ID", help="In this tenant, such as `acme`.")]
System = Annotated[bool, typer.Option("--system", help="For all tenants.")]
OneTenant = Annotated[str, typer.Option("--tenant", "-t", metavar="ID", help="The tenant, such as `acme`.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="Such as `passwords.min_length`.")]
Format = Annotated[settings.operators.TransferFormat, typer.Option("--format", help="How the file is written.")]
JSON: Final = settings.operators.TransferFormat.JSON

COLUMNS: Final[Columns[ShownSetting]] = {
    "key": lambda item: item.key,
    "value": lambda item: text_of(item.value),
    "type": lambda item: item.value_type,
    "from": lambda item: item.source,
    "locked": lambda item: item.locked,
    "public": lambda item: item.is_public,
    "changed": lambda item: item.updated_at,
}
VERSIONS: Final[Columns[settings.operators.SettingVersion]] = {
    "version": lambda item: item.version,
    "time": lambda item: item.changed_at,
    "value": lambda item: "(removed)" if item.removed else text_of(item.value),
    "by": lambda item: item.changed_by.name,
}
RESULTS: Final[Columns[settings.operators.KeyResult]] = {
    "key": lambda item: item.key,
    "result": lambda item: item.status,
    "why": lambda item: item.error.message if item.error else None,
}


@app.command("list")
def list_settings(
    *,
    tenant: TenantId = None,
    system: System = False,
    q: Annotated[str | None, typer.Option(help="Only those with this text in key or description.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what is in force for a tenant, or what is set for all of them."""
    show_list(_act_at(tenant, system, lambda visit, place: place.list(visit, q)), COLUMNS, as_json=as_json)


@app.command()
def get(key: Key, *, tenant: TenantId = None, system: System = False, as_json: AsJson = False) -> None:
    """Show one setting."""
    _show(_act_at(tenant, system, lambda visit, place: place.get(visit, key)), as_json=as_json)


@app.command("set")
def set_value(
    key: Key,
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="Text as it is, else JSON; `-` reads it from stdin, as for secrets.")
    ],
    *,
    tenant: TenantId = None,
    system: System = False,
    value_type: Annotated[
        SettingType | None, typer.Option("--type", help="Of a new key; `string` if it is left out.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    public: Annotated[bool | None, typer.Option("--public/--private", help="Whether it is shown to anybody.")] = None,
    as_json: AsJson = False,
) -> None:
    """Set a value. It acts within a second in every process of a running service."""
    text = sys.stdin.read().removesuffix("\n") if value == "-" else value
    options = {"value_type": value_type, "description": description, "is_public": public}
    given = {name: option for name, option in options.items() if option is not None}
    _show(_act_at(tenant, system, lambda visit, place: place.set(visit, key, text, given)), as_json=as_json)


@app.command()
def unset(key: Key, *, tenant: TenantId = None, system: System = False) -> None:
    """Take a value away, so that the one above counts again."""
    _act_at(tenant, system, lambda visit, place: place.unset(visit, key))
    say(f"{key} has no value there any more.")


@app.command()
def lock(key: Key, *, as_json: AsJson = False) -> None:
    """Put the tenants' own values of a key out of force. A key without a value is locked at its default."""
    _show(act(lambda visit: InSystem().lock(visit, key, is_locked=True)), as_json=as_json)


@app.command()
def unlock(key: Key, *, as_json: AsJson = False) -> None:
    """Let the tenants' own values of a key count again."""
    _show(act(lambda visit: InSystem().lock(visit, key, is_locked=False)), as_json=as_json)


@app.command()
def history(
    key: Key,
    *,
    tenant: OneTenant,
    at: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only the value of this moment, in UTC."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """List the values that a tenant gave a key, the newest first. What was set for all is in `tenants log`."""
    moment = at.replace(tzinfo=UTC) if at else None

    async def work(visit: users.operators.Intervention) -> tuple[list[settings.operators.SettingVersion], bool]:
        async with visit.read() as unit:
            return await collect(
                visit.services,
                lambda query: settings.operators.list_history(unit, visit, key, query, at=moment),
                limit=limit,
            )

    versions, is_cut = act_in(tenant, work)
    show_list(versions, VERSIONS, as_json=as_json)
    if is_cut:
        say(f"These are the newest {limit}: see --limit.")


@app.command("export")
def export_settings(
    *,
    tenant: OneTenant,
    form: Format = JSON,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to; stdout if left out.")] = None,
) -> None:
    """Write a tenant's own values into a file, secrets as `********`."""

    async def work(visit: users.operators.Intervention) -> str:
        async with visit.write() as unit:
            return await settings.operators.export_settings(unit, form)

    text = act_in(tenant, work)
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}.") from error


@app.command("import")
def import_settings(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What an export wrote.", exists=True, dir_okay=False)],
    *,
    tenant: OneTenant,
    form: Format = JSON,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_json: AsJson = False,
) -> None:
    """Set the values of a file in a tenant: all, or none if one is refused. Exit code 1 then."""

    async def work(visit: users.operators.Intervention) -> settings.operators.SettingsImportReport:
        async with visit.write() as unit:
            return await settings.operators.import_settings(unit, visit, file.read_bytes(), form, dry_run=dry_run)

    report = act_in(tenant, work)
    show_list(report.results, RESULTS, as_json=as_json)
    if report.failed:
        say(f"Nothing was stored: {report.failed} of {len(report.results)} are refused.")
        raise typer.Exit(1)


def _act_at(tenant: str | None, system: bool, work: Callable[[Visit, Place], Awaitable[Result]]) -> Result:
    """Do it in the place that was named. Raises CommandError."""
    if (tenant is None) is not system:
        raise CommandError("Name either a --tenant or the --system.")
    place: Place = InTenant(tenant) if tenant is not None else InSystem()
    try:
        return act(lambda visit: work(visit, place))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise CommandError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from None


def _show(setting: ShownSetting, *, as_json: bool) -> None:
    shown: dict[str, Any] = {} if as_json else {"value": text_of(setting.value)}
    show_item(setting.model_copy(update=shown), as_json=as_json)
