"""Going through many things slowly, so that what they cost is spread over time instead of coming all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

LONGEST_PAUSE: Final = 1.0  # seconds: a few things are done soon

Item = TypeVar("Item")


async def paced(items: Sequence[Item], seconds: float) -> AsyncIterator[Item]:
    """The items, with a pause after each, so that all of them take about so many seconds, or less if they are few."""
    pause = min(LONGEST_PAUSE, seconds / max(1, len(items)))
    for item in items:
        yield item
        if pause:
            await asyncio.sleep(pause)
