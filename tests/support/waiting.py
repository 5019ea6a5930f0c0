"""Waiting for what nobody tells of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

PATIENCE: Final = 60.0  # seconds


async def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until it answers something true, or something to wait for that does. Fails when that takes longer."""
    deadline = time.monotonic() + seconds
    while not (await found if isinstance(found := holds(), Awaitable) else found):
        assert time.monotonic() < deadline, "it took too long"
        await asyncio.sleep(0.005)
