"""The command itself: asks everything, and shows what was found, the worst first."""

from __future__ import annotations

import asyncio
from typing import Final

import typer

from common.config import Config, ConfigError
from manage.doctor.configuration import examine_configuration
from manage.doctor.copies import examine_redis
from manage.doctor.databases import Advance, examine_database
from manage.doctor.findings import Finding, error
from manage.doctor.logs import examine_logs
from manage.doctor.placement import examine_placement
from manage.intervention import serving
from manage.output import Columns, counted_work, log_to_stderr, say, show_list
from manage.problems import CommandError
from manage.psql import configuration

COLUMNS: Final[Columns[Finding]] = {
    "severity": lambda finding: finding.severity,
    "about": lambda finding: finding.about,
    "what": lambda finding: finding.what,
    "how to mend it": lambda finding: finding.mend,
}
ORDER: Final = ("error", "warning", "ok")


def examine(*, deep: bool, as_json: bool) -> None:
    """Look at everything. Raises typer.Exit with code 1 if anything is an error."""
    log_to_stderr()
    with counted_work("Examining") as advance:
        found = asyncio.run(_examine(deep=deep, advance=advance))
    found.sort(key=lambda finding: ORDER.index(finding.severity))
    show_list(found, COLUMNS, as_json=as_json)
    errors, warnings = (sum(finding.severity == severity for finding in found) for severity in ("error", "warning"))
    say(f"{errors} errors, {warnings} warnings.")
    if errors:
        raise typer.Exit(1)


async def _examine(*, deep: bool, advance: Advance) -> list[Finding]:
    try:
        lax = configuration()
    except CommandError as problem:
        return [error("configuration", str(problem), "see .env.example")]
    config, found = _strict(lax)
    found += [*examine_configuration(config), *await examine_redis(config)]
    is_sound = True
    for shard in ("default", *config.shards):
        of_server = await examine_database(config.on(shard), shard, advance)
        is_sound = is_sound and not any(
            "cannot connect" in one.what or "system schema is not" in one.what for one in of_server
        )
        found += of_server
    if is_sound:
        found += await examine_placement(config)
        async with serving(config.model_copy(update={"sql_echo": False})) as services:  # stdout is the answer's
            found += await examine_logs(services, deep=deep, advance=advance)
    return found


def _strict(lax: Config) -> tuple[Config, list[Finding]]:
    """The configuration as the service would read it, and why it would not start with it. What ``make run`` completes
    is no fault, and makes a developer's machine of it."""
    if "database_url" not in Config(environment="development").model_fields_set:
        return lax, []
    try:
        environment = Config.from_environment().environment
    except ConfigError as problem:
        named = [line.partition(": ") for line in problem.lines]
        found = [error(name, what, "see .env.example") for name, _, what in named]
        return lax.model_copy(update={"environment": "production"}), found
    return lax.model_copy(update={"environment": environment}), []
