"""What is kept of a run: a table on the screen, ``results/latest.json``, and a chart beside it.

``results/recorded.json`` has the ratios that a fast run is compared with, so that a change which makes something a
third slower is noticed before it is merged.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from math import log10
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.figures import ALLOWED, Figure

FOLDER: Final = Path(__file__).parent / "results"
LATEST: Final = FOLDER / "latest.json"
CHART: Final = FOLDER / "latest.svg"
RECORDED: Final = FOLDER / "recorded.json"
REGRESSION: Final = 1 / 3
TIMES: Final = {"s", "ms", "µs"}
ROW: Final = 26  # pixels
LEFT, WIDE, RIGHT = 470, 380, 220


def show(console: Console, section: str, figures: Sequence[Figure]) -> None:
    """A section's table."""
    table = Table(title=section, title_justify="left", expand=False)
    for heading in ("figure", "value", "baseline", "ratio", "lowest to highest", "goal", "met"):
        table.add_column(heading, justify="left" if heading in {"figure", "baseline"} else "right")
    for one in figures:
        met = "[green]yes[/]" if one.met else "[bold red]no[/]"
        table.add_row(
            one.name,
            _amount(one.value, one.unit),
            f"{_amount(one.theirs, one.unit)} {one.baseline}",
            f"{one.ratio:.2f}",
            f"{one.spread[0]:.2f} to {one.spread[1]:.2f}",
            str(one.goal or ""),
            met if one.goal else "",
        )
    console.print(table)


def write(found: Mapping[str, Sequence[Figure]], machine: Mapping[str, Any], *, fast: bool) -> None:
    """Keep a run's figures, and those of the sections that were not run as they were."""
    FOLDER.mkdir(exist_ok=True)
    kept = [one for one in _read(LATEST).get("figures", []) if one["section"] not in found]
    made = [_as_json(section, one, fast=fast) for section, figures in found.items() for one in figures]
    figures = sorted(kept + made, key=lambda one: str(one["section"]))
    LATEST.write_text(_text({"machine": dict(machine), "figures": figures}))
    CHART.write_text(draw(figures))


def record(runs: Sequence[Mapping[str, Sequence[Figure]]]) -> None:
    """Keep the medians of fast runs' ratios to compare others with."""
    ratios = defaultdict[str, list[float]](list)
    for section, one in ((section, one) for found in runs for section, figures in found.items() for one in figures):
        ratios[f"{section}: {one.name}"].append(one.ratio)
    medians = {name: round(median(every), 3) for name, every in ratios.items()}
    RECORDED.write_text(_text({**_read(RECORDED), **medians}))


def regressions(found: Mapping[str, Sequence[Figure]]) -> dict[tuple[str, str], str]:
    """What has become worse by more than a third than it was recorded, by section and name, in a sentence each. The
    best turn counts: others may have been disturbed. Times against a limit are the machine's as much as ours, and are
    left out, and so are costs below half of what is allowed, which are too small for a fast run."""
    recorded, worse = _read(RECORDED), {}
    for section, figures in found.items():
        for one in figures:
            before = recorded.get(f"{section}: {one.name}")
            if before is None or one.goal is None or (one.baseline == ALLOWED and one.unit in TIMES):
                continue
            if one.goal.sign == "≥":
                fell = one.spread[1] < before * (1 - REGRESSION)
            else:
                fell = one.spread[0] > max(before * (1 + REGRESSION), one.goal.ratio / 2)
            if fell:
                text = f"{section}: {one.name}: the ratio is {one.ratio:.2f}, and it was {before:.2f}"
                worse[section, one.name] = text
    return worse


def draw(figures: Sequence[Mapping[str, Any]]) -> str:
    """The figures that have a goal as an SVG chart: how near each comes to its goal, or how far it goes beyond it, on a
    logarithmic scale around the line where it is just met."""
    rows = [one for one in figures if one["goal"]]
    height = ROW * (len(rows) + 2)
    middle = LEFT + WIDE / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDE + RIGHT} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="100%" height="{height}" fill="white"/>',
        f'<text x="{middle - 6}" y="16" text-anchor="end" fill="#a33">goal missed</text>',
        f'<text x="{middle + 6}" y="16" fill="#276">goal met</text>',
    ]
    for number, one in enumerate(rows):
        top = ROW * (number + 1)
        reach = max(-1.0, min(1.0, _decades(one))) * WIDE / 2
        color = "#2a7f62" if one["met"] else "#b03a3a"
        start = middle if reach >= 0 else middle + reach
        parts += [
            f'<text x="{LEFT - 10}" y="{top + 17}" text-anchor="end">{escape(_short(one["name"]))}</text>',
            f'<rect x="{start:.1f}" y="{top + 5}" width="{max(abs(reach), 1):.1f}" height="{ROW - 10}" '
            f'fill="{color}"/>',
            f'<text x="{LEFT + WIDE + 10}" y="{top + 17}">{one["ratio"]:.2f} (goal {escape(one["goal"])})</text>',
        ]
    parts.append(f'<line x1="{middle}" x2="{middle}" y1="22" y2="{height - ROW / 2}" stroke="#333"/></svg>')
    return "\n".join(parts) + "\n"


def _decades(one: Mapping[str, Any]) -> float:
    """How many powers of ten a ratio is better than its goal; less than none if it is worse."""
    sign, _, text = str(one["goal"]).partition(" ")
    goal, ratio = float(text), float(one["ratio"])
    if goal <= 0 or ratio <= 0:
        return 1.0 if one["met"] else -1.0
    return log10(ratio / goal) * (1 if sign == "≥" else -1)


def _short(name: str) -> str:
    return name if len(name) <= 70 else f"{name[:69]}…"


def _as_json(section: str, one: Figure, *, fast: bool) -> dict[str, Any]:
    return {
        "section": section,
        "name": one.name,
        "value": round(one.value, 4),
        "unit": one.unit,
        "baseline": f"{_amount(one.theirs, one.unit)} {one.baseline}",
        "ratio": round(one.ratio, 3),
        "spread": [round(end, 3) for end in one.spread],
        "goal": str(one.goal) if one.goal else None,
        "met": one.met,
        "fast": fast,
        "measured_on": date.today().isoformat(),  # noqa: DTZ011 - the machine's own day
    }


def _amount(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    number = f"{value:,.{digits}f}"
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{number}{unit}" if unit.startswith("/") else f"{number} {unit}".rstrip()


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
