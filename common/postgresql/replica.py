"""A streaming replica, and when it may answer instead of the primary.

A read that follows a write sees it, whoever wrote it, in whichever process: the versions in Redis
(``common.cache.versions``) say which commit a tenant's data has come to, and the transaction on the replica begins with
the proof that it has come that far. Whoever cannot know asks the primary.

A writer that cannot tell its commit, because Redis does not answer it, has everybody leave the replica instead: NOTIFY
is part of its transaction. Then it waits, until the replica has the commit or everybody has heard.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import structlog
from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry, Counter

from common.cache.redis import Breaker
from common.cache.two_level import Caches, Message
from common.cache.versions import VERSION_SECONDS, Lease, Version, Versions
from common.config import Config
from common.postgresql.server import Server

PAUSE: Final[Message] = ("replica/pause", None)
# After that no version from before the pause is believed any more: their time, and that of a lease.
PAUSE_SECONDS: Final = VERSION_SECONDS + 2.0
HEARD_SECONDS: Final = 5.0  # by then every process has heard, or noticed that its listener is gone
LOOK_SECONDS: Final = 0.01  # between two looks whether the replica has a commit
CONNECT_SECONDS: Final = 1.0
POOL_SECONDS: Final = 0.5  # the primary answers sooner than a replica with a queue

log = structlog.get_logger("database")

Outcome = Literal["replica", "behind", "unknown", "unavailable", "failed"]


def find_replica(
    config: Config, url: str | None, caches: Caches, registry: CollectorRegistry, tracer: Tracer | None
) -> Replica | None:
    """What may answer reads beside the primary. Which commits it must have, the processes tell each other in Redis."""
    if url is None or caches.redis.is_configured:
        return Replica(config, url, caches, registry, tracer) if url else None
    log.warning("replica_not_used", reason="no Redis is configured")
    return None


class Replica:
    """The replica as this process knows it."""

    def __init__(
        self, config: Config, url: str, caches: Caches, registry: CollectorRegistry, tracer: Tracer | None
    ) -> None:
        limits = {
            "database_connect_timeout": min(config.database_connect_timeout, CONNECT_SECONDS),
            "database_pool_timeout": min(config.database_pool_timeout, POOL_SECONDS),
        }
        self.server = Server(config.model_copy(update=limits), url, tracer)
        self.breaker = Breaker()
        self.versions = Versions(caches.redis)
        self._caches = caches
        self._was_listening = False
        self._trouble_at = time.monotonic()  # when something may have been written of which nobody has told
        self._announced_at = self._announcing_since = -PAUSE_SECONDS
        self._filling: set[asyncio.Task[None]] = set()
        self._reads = Counter(
            "database_replica_reads_total",
            "Reads that a replica may answer, by what became of them; all but `replica` went to the primary.",
            ["outcome"],
            registry=registry,
        )
        caches.add("replica", self, {})

    async def find_version(self, key: str) -> Version | Lease | None:
        """What a read must see; None, or a lease to find it out, sends it to the primary."""
        if not self._caches.is_listening or time.monotonic() - self._trouble_at < PAUSE_SECONDS:
            self.count("unknown")
            return None
        if self.breaker.is_open:
            self.count("unavailable")
            return None
        version = await self.versions.find(key)
        if not isinstance(version, Version):
            self.count("unknown")
        return version

    def count(self, outcome: Outcome) -> None:
        """Count a read."""
        self._reads.labels(outcome).inc()

    def drop(self, bucket: str, _field: str | None) -> None:
        """Hear of a pause, among what is forgotten."""
        if bucket == PAUSE[0]:
            self._trouble_at = time.monotonic()

    def clear(self) -> None:
        """Listening has begun or ended, here or elsewhere. What was said before it began here nobody knows."""
        if self._caches.is_listening and not self._was_listening:
            self._trouble_at = time.monotonic()
        self._was_listening = self._caches.is_listening

    def in_background(self, filling: Awaitable[None]) -> None:
        """Find a version out while nobody waits for it."""
        task = asyncio.ensure_future(filling)
        self._filling.add(task)
        task.add_done_callback(self._filling.discard)

    async def outlast(self, has_replayed: Callable[[], Awaitable[bool]]) -> None:
        """Wait after an announced pause until nobody can read what was before this commit."""
        now = time.monotonic()
        if now - self._announced_at >= PAUSE_SECONDS:
            self._announcing_since = now
        self._announced_at = now
        end = self._announcing_since + HEARD_SECONDS  # while the trouble lasts, the later ones need not wait again
        while time.monotonic() < end and not await has_replayed():  # noqa: ASYNC110 - another server's event
            await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        """Close every connection."""
        for task in self._filling:
            task.cancel()
        await asyncio.gather(*self._filling, return_exceptions=True)
        await self.server.close()


async def outlast_move(closed_at: float, *, is_source: bool) -> None:
    """Wait before a tenant is served on another server, that was closed then on its own, until nobody can take what the
    replica has of it for the newest: after it left, who has not heard of that; after it came back, who finds a version
    from before it left."""
    seconds = HEARD_SECONDS if is_source else PAUSE_SECONDS
    await asyncio.sleep(max(0.0, closed_at + seconds - time.monotonic()))
