"""``python -m benchmarks [SECTION ...]``: measure, print tables, keep the results."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias

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

Found: TypeAlias = Mapping[str, Sequence[Figure]]

RUNS: Final = 3  # of what is to be recorded, or seems slower than recorded

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
    try:
        if options.check:
            return _check(console, chosen, pace)
        runs = [_measure(console, chosen, pace) for _ in range(RUNS if options.record else 1)]
    except WrkMissing as missing:
        console.print(f"[red]{missing}[/]")
        return 2
    found, machine = runs[-1]
    results.write(found, machine, fast=options.fast)
    if options.record:
        results.record([figures for figures, _ in runs])
    return 0


def _measure(console: Console, chosen: Collection[str], pace: Pace) -> tuple[Found, Mapping[str, Any]]:
    """The figures of these sections, shown as they come, and the machine."""
    found: dict[str, Sequence[Figure]] = {}
    started = time.monotonic()
    with running_world() as world:
        for section in (name for name in SECTIONS if name in chosen):
            begun = time.monotonic()
            with console.status(f"{section} ..."):
                found[section] = SECTIONS[section](world, pace)
            results.show(console, f"{section}, {time.monotonic() - begun:.0f} s", found[section])
        machine = describe(psql(world, "SHOW server_version").strip())
    goals = [one for figures in found.values() for one in figures if one.goal]
    met = sum(one.met for one in goals)
    console.print(f"{met} of {len(goals)} goals met, in {time.monotonic() - started:.0f} s.")
    return found, machine


def _check(console: Console, chosen: Collection[str], pace: Pace) -> int:
    """1 if something is slower than recorded, whenever it is measured: a shared machine may disturb one run."""
    slower: Mapping[tuple[str, str], str] = {}
    for run in range(RUNS):
        found, _ = _measure(console, chosen, pace)
        worse = results.regressions(found)
        slower = {figure: text for figure, text in worse.items() if run == 0 or figure in slower}
        if not slower:
            return 0
        for text in slower.values():
            console.print(f"[red]slower than recorded:[/] {text}")
        chosen = {section for section, _ in slower}
    return 1


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
        "--check",
        action="store_true",
        help=f"keep nothing; fail if a ratio is {RUNS} times a third worse than recorded",
    )
    parser.add_argument(
        "--record", action="store_true", help=f"measure {RUNS} times, and keep the medians to check others against"
    )
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))} (there are: {', '.join(SECTIONS)})")
    return options


if __name__ == "__main__":
    sys.exit(main())
