"""Ctrl-C and its relatives, turned into one exception while things start and run, and into patience while they stop."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(KeyboardInterrupt):
    """Somebody asked this process to stop. As a KeyboardInterrupt, asyncio lets it pass instead of logging it."""


class StopSignals:
    """The first signal raises StopRequested in the main thread; later ones call ``on_repeat`` and interrupt nothing."""

    def __init__(self) -> None:
        self.on_repeat: Callable[[], None] = lambda: None
        self._armed = True
        self._requested = False

    def install(self) -> None:
        """Take the signals over. A hang-up that is ignored stays ignored (``nohup``)."""
        for signum in HANDLED:
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
                signal.signal(signum, self._handle)

    def disarm(self) -> None:
        """Stopping has begun: nothing may interrupt it from now on."""
        self._armed = False

    def check(self) -> None:
        """Raise again what was lost: Python prints and forgets exceptions in finalizers and callbacks from C."""
        if self._requested:
            raise StopRequested

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self._requested = True
        if self._armed:
            self._armed = False
            raise StopRequested
        self.on_repeat()
