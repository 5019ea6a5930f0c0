"""Ctrl-C and its relatives, turned into one exception while things start and run, and into patience while they stop."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Somebody asked this process to stop. Like KeyboardInterrupt, not an error to be handled on the way."""


class StopSignals:
    """The first signal raises StopRequested in the main thread; later ones call ``on_repeat`` and interrupt nothing."""

    def __init__(self) -> None:
        self.on_repeat: Callable[[], None] = lambda: None
        self._armed = True

    def install(self) -> None:
        """Take the signals over. A hang-up that is ignored stays ignored (``nohup``)."""
        for signum in HANDLED:
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
                signal.signal(signum, self._handle)

    def disarm(self) -> None:
        """Stopping has begun: nothing may interrupt it from now on."""
        self._armed = False

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self._armed:
            self._armed = False
            raise StopRequested
        self.on_repeat()
