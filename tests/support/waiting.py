"""Waiting for what nobody tells of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

PATIENCE: Final = 60.0  # seconds


async def until(holds: Callable[[], bool | Awaitable[bool]], seconds: float = PATIENCE) -> None:
    """Wait for something. Fails when it does not come about."""
    deadline = time.monotonic() + seconds
    while not (await found if isinstance(found := holds(), Awaitable) else found):
        assert time.monotonic() < deadline, "it took too long"
        await asyncio.sleep(0.005)
