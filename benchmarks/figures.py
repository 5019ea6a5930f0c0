"""What a benchmark finds, and the usual way to find it: the service and something bare in turns, A B A B, in one run.

Machines differ, and a shared one differs from itself. What counts is the median of the turns' ratios; the lowest and
the highest stand beside it.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.load import Order
from benchmarks.servers import Server, World, collect, load

RESULTS: Final = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is measured."""

    pairs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``spread`` is the lowest and the highest of the turns' ratios."""

    name: str
    measured: str
    baseline: str
    ratio: float
    spread: tuple[float, float]
    goal: str
    met: bool


def read_pace(arguments: Sequence[str]) -> Pace:
    """As the command line has it."""
    return Pace(3, 0.5) if "--fast" in arguments else Pace(9, 1.5)


def report(figures: Sequence[Figure], name: str) -> None:
    """Write the results down, as ``results/{name}.json``, and print them."""
    RESULTS.mkdir(exist_ok=True)
    written = json.dumps([asdict(figure) for figure in figures], indent=2)
    (RESULTS / f"{name}.json").write_text(f"{written}\n")
    print(write_table(figures))


def write_table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [("figure", "measured", "baseline", "ratio", "lowest to highest", "goal", "met"), ("---",) * 7]
    for one in figures:
        spread = f"{one.spread[0]:.2f} to {one.spread[1]:.2f}"
        met = "yes" if one.met else "no"
        rows.append((one.name, one.measured, one.baseline, f"{one.ratio:.2f}", spread, one.goal, met))
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    lines = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )
    return "\n".join(lines)


def measure_route(
    world: World, pace: Pace, order: Order, goal: float, *, status: int = 200, remark: str = ""
) -> list[Figure]:
    """Requests a second of one route of the service over those of its bare twin; ``status`` is what both answer. Twice:
    where both write their access line, and where neither does."""
    name = f"{order.method} {order.path.removeprefix('/api/v1')}{remark}"
    sides = {name: (world.service, world.bare), f"{name}; no access lines": (world.silent_service, world.silent_bare)}
    return [_compare(title, *servers, pace, order, goal, status) for title, servers in sides.items()]


def _compare(  # noqa: PLR0917 - all of it is what is compared
    name: str, service: Server, bare_twin: Server, pace: Pace, order: Order, goal: float, status: int
) -> Figure:
    rate(service, order, 0.5, status)
    rate(bare_twin, order, 0.5, status)
    pairs = [
        (rate(service, order, pace.seconds, status), rate(bare_twin, order, pace.seconds, status))
        for _ in range(pace.pairs)
    ]
    ratios = [ours / bare for (ours, _), (bare, _) in pairs]
    ratio = statistics.median(ratios)
    ours, bare = (statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
    our_cpu, bare_cpu = (statistics.median(pair[side][1] for pair in pairs) for side in (0, 1))
    return Figure(
        name,
        f"{ours:.0f}/s, {our_cpu:.0f} µs CPU",
        f"{bare:.0f}/s, {bare_cpu:.0f} µs CPU",
        ratio,
        (min(ratios), max(ratios)),
        f"≥ {goal}",
        met=ratio >= goal,
    )


def rate(server: Server, order: Order, seconds: float, status: int = 200) -> tuple[float, float]:
    """Answers a second, and microseconds of the server's processor time for each. Raises RuntimeError if any answer had
    another status."""
    before = server.cpu()
    found = collect(load(Order(**{**asdict(order), "port": server.port, "seconds": seconds})))
    good = found.statuses.get(str(status), 0)
    if good != sum(found.statuses.values()):
        raise RuntimeError(f"{order.path} answered {found.statuses}")
    return found.rate(status), (server.cpu() - before) / good * 1e6
