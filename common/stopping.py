"""Hearing early that the process is to stop, and going on for a moment.

The server tells the application so only when nobody is connected any more, and whoever waits for events stays connected
until the server's patience ends. And it stops to listen at once, while load balancers still send requests: until they
have asked for the readiness once more, it does not hear of the signal.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

Handler = Callable[[int, FrameType | None], object]


class StopSignals:
    """Listens in before the server's own handlers. SIGTERM reaches them ``drain_seconds`` later, a second one at once;
    Ctrl-C is somebody who waits."""

    def __init__(self, on_stop: Callable[[], None], *, drain_seconds: float) -> None:
        self._on_stop = on_stop
        self._drain_seconds = drain_seconds
        self._is_draining = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handlers: dict[int, Handler] = {}

    def listen(self) -> None:
        """From now on. Signals can be had by the main thread only, and where somebody else acts on them."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._loop = asyncio.get_running_loop()
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler
                signal.signal(number, self._hear)

    def leave(self) -> None:
        """Put back what was there, unless somebody has come in between."""
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == self._hear:
                signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        drains = number == signal.SIGTERM and self._drain_seconds > 0 and not self._is_draining
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._on_stop)
            if drains:
                self._is_draining = True
                handler = self._handlers[number]
                self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_seconds, handler, number, None)
                return
        self._handlers[number](number, frame)
