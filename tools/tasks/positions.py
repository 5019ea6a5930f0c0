"""Positions as numbers: between two neighbours there is always another, until they are too close to tell apart."""

from __future__ import annotations

from typing import Final

STEP: Final = 1024.0  # between two neighbours that nothing was moved between yet
# A position that people set goes up to 10^12, where doubles still differ by less than a thousandth.
MIN_GAP: Final = 2.0**-9
# What a spread leaves between neighbours, so that the next thousand moves to that place need none.
ROOMY_GAP: Final = 1.0


def between(left: float | None, right: float | None) -> float | None:
    """A position between two neighbours, either of whom may be missing; None if they are too close."""
    if left is None:
        return STEP if right is None else right - STEP
    if right is None:
        return left + STEP
    return (left + right) / 2 if right - left >= MIN_GAP else None


def spread(count: int, left: float, right: float | None) -> list[float] | None:
    """As many positions, evenly between two neighbours or behind the left one; None if they would be too close."""
    gap = STEP if right is None else (right - left) / (count + 1)
    return [left + gap * number for number in range(1, count + 1)] if gap >= ROOMY_GAP else None
