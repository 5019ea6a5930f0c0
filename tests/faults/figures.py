"""What the tests of this pack measured: one row for each fault, printed at the end of the run and kept in a file."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Final, ParamSpec

from tests.support.source import ROOT

FILE: Final = ROOT / "build" / "faults.md"
SLACK: Final = float(
    os.environ.get("SLACK", "1")
)  # what limits of time are multiplied by, on a machine that others use
HEADINGS: Final = ("What was broken", "What users saw", "Measured")


@dataclass(frozen=True, slots=True)
class Figure:
    """A fault, what users saw of it, and the numbers."""

    fault: str
    seen: str
    measured: str


Arguments = ParamSpec("Arguments")
FIGURES: Final[dict[str, Figure]] = {}


class TooSlow(AssertionError):
    """A limit of time was not kept; everything else was right."""


def note(fault: str, *, seen: str, measured: str) -> None:
    """Have a row in the table. Called with what was measured, before it is judged: a failed run has its figures too."""
    FIGURES[fault] = Figure(fault, seen, measured)


def within(seconds: float, limit: float) -> None:
    """Judge a time. Called last: whoever is too slow gets a second chance, whoever is wrong does not."""
    if seconds >= limit * SLACK:
        raise TooSlow(f"{milliseconds(seconds)}, and the limit is {milliseconds(limit * SLACK)}")


def once_more(test: Callable[Arguments, Awaitable[None]]) -> Callable[Arguments, Awaitable[None]]:
    """Have a round that was too slow run once more: the machine may have been busy with something else for a moment.
    What is slow by itself is so both times."""

    @wraps(test)
    async def run(*args: Arguments.args, **options: Arguments.kwargs) -> None:
        try:
            await test(*args, **options)
        except TooSlow:
            await test(*args, **options)

    return run


def as_table(figures: Iterable[Figure], headings: Sequence[str] = HEADINGS) -> str:
    """Markdown, its columns aligned so that a terminal can show it."""
    rows = [tuple(headings), *((figure.fault, figure.seen, figure.measured) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(headings))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def milliseconds(seconds: float) -> str:
    """A duration as the table has it."""
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them stays within."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
