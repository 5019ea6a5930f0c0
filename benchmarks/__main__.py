"""``python -m benchmarks [SECTION ...]``: measure, print tables, keep the results."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rich.console import Console

from benchmarks import (
    attachments,
    audit_export,
    audit_log,
    connections,
    feed,
    fleet,
    many,
    request_path,
    results,
    settings,
    tools,
    users,
)
from benchmarks.figures import Figure, Pace
from benchmarks.machine import describe
from benchmarks.servers import World, psql, running_world
from benchmarks.wrk import WrkMissing

# In the order they are run, in one world: what fills the tenant comes last.
SECTIONS: Final[Mapping[str, Callable[[World, Pace], list[Figure]]]] = {
    "requests": request_path.measure,
    "users": users.measure,
    "settings": settings.measure,
    "feed": feed.measure,
    "attachments": attachments.measure,
    "many": many.measure,
    "connections": lambda _, pace: connections.measure(pace),
    "fleet": lambda _, pace: fleet.measure(pace),
    "audit": audit_log.measure,
    "export": audit_export.measure,
    "tools": tools.measure,
}

# What a first look looks at. The others fill whole tenants and fleets before they measure.
FIRST: Final = ("requests", "settings", "feed", "attachments")


def main() -> int:
    """Measure; answers the exit code."""
    options = _read_arguments()
    chosen = options.sections or (FIRST if options.fast else list(SECTIONS))
    console, pace = Console(width=150 if not sys.stdout.isatty() else None), Pace.of(fast=options.fast)
    found: dict[str, Sequence[Figure]] = {}
    started = time.monotonic()
    try:
        with running_world() as world:
            machine = describe(psql(world, "SHOW server_version").strip())
            for section in (name for name in SECTIONS if name in chosen):
                begun = time.monotonic()
                with console.status(f"{section} ..."):
                    found[section] = SECTIONS[section](world, pace)
                results.show(console, f"{section}, {time.monotonic() - begun:.0f} s", found[section])
    except WrkMissing as missing:
        console.print(f"[red]{missing}[/]")
        return 2
    if not options.check:
        results.write(found, machine, fast=options.fast)
    if options.record:
        results.record(found)
    return _conclude(console, found, started, check=options.check)


def _conclude(console: Console, found: Mapping[str, Sequence[Figure]], started: float, *, check: bool) -> int:
    goals = [one for figures in found.values() for one in figures if one.goal]
    met = sum(one.met for one in goals)
    console.print(f"{met} of {len(goals)} goals met, in {time.monotonic() - started:.0f} s.")
    worse = results.regressions(found) if check else []
    for line in worse:
        console.print(f"[red]slower than recorded:[/] {line}")
    return 1 if worse else 0


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the service against bare baselines in one run. Needs wrk; starts its own servers.",
        epilog=f"Sections: {', '.join(SECTIONS)}. All by default; with --fast {', '.join(FIRST)}.",
    )
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help="measure only these; the others keep their figures"
    )
    parser.add_argument("--fast", action="store_true", help="a first look: smaller data, fewer turns")
    parser.add_argument(
        "--check", action="store_true", help="keep nothing; fail if a ratio is a third worse than recorded"
    )
    parser.add_argument("--record", action="store_true", help="keep the ratios of this run to check others against")
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))} (there are: {', '.join(SECTIONS)})")
    return options


if __name__ == "__main__":
    sys.exit(main())
