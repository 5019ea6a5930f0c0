"""A Valkey of a test's own, which is frozen, killed and looked into past the service.

Other applications would take out of a shared one what the test watches.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from manage.embedded import EmbeddedValkey

PATIENCE: Final = 10.0  # seconds; what is stopped is not looked into


class Stoppable:
    """A server; ``copy`` looks into it, while it ``answers``."""

    def __init__(self, server: EmbeddedValkey) -> None:
        self._server = server
        self.url = server.url
        self.socket_path = server.socket_path
        self.copy = Redis.from_url(server.url, socket_timeout=PATIENCE)
        self.answers = True

    def freeze(self) -> None:
        """It stays connected and says nothing."""
        self.answers = False
        os.kill(self._server.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on, with everything it had."""
        os.kill(self._server.pid, signal.SIGCONT)
        self.answers = True

    def kill(self) -> None:
        """It is gone, with everything it had."""
        self.answers = False
        os.kill(self._server.pid, signal.SIGKILL)

    def start(self) -> None:
        """It is there again, empty."""
        self._server.start()
        self.answers = True


@asynccontextmanager
async def own_valkey() -> AsyncIterator[Stoppable]:
    """Started, as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="ss-"))
    server = EmbeddedValkey(folder / "valkey").start()
    stoppable = Stoppable(server)
    try:
        yield stoppable
    finally:
        await stoppable.copy.aclose()
        server.stop()
        shutil.rmtree(folder)
