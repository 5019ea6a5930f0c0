"""Redis or Valkey as a copy: the one timeout, the one circuit breaker, and the rule that it may be gone at any time.

No method raises for the server's sake. A read that fails is a miss, a write says whether it is known what became of it;
failures are counted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge

from common.cache.addresses import read_group
from common.lean_imports import without

with without("opentelemetry.sdk"):  # 3 MB, for metrics of redis-py's own
    from redis.asyncio import Redis, RedisCluster
    from redis.asyncio.cluster import ClusterNode
    from redis.asyncio.retry import Retry
    from redis.asyncio.sentinel import Sentinel
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError, ResponseError
    from redis.exceptions import TimeoutError as TooLate

TIMEOUT: Final = 0.2  # seconds; a copy that answers later than the original would is of no use
FAILURES_UNTIL_OPEN: Final = 3
OPEN_SECONDS: Final = 2.0

FAULTS: Final = (RedisError, OSError, TimeoutError)

Answer = TypeVar("Answer")
Client = Redis | RedisCluster

# What one history of the server has (``master_replid``, which changes with every restart and fail-over) is believed in
# no other: a server that was restarted has what lay on its disk, one that was promoted may not have heard everything.
HISTORY: Final = """
local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
"""
GET: Final = (
    HISTORY
    + """
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if kept and string.sub(kept, 1, #history) == history then return string.sub(kept, #history + 1) end
"""
)
PUT: Final = (
    HISTORY
    + """
redis.call('HSET', KEYS[1], ARGV[1], history .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3], 'NX')
"""
)


class NotAsked(RedisError):
    """There is no server, or the breaker is open."""


class Breaker:
    """Opens after a few failures in a row, or one that somebody waited for; then, every ``OPEN_SECONDS``, lets one call
    through to find out."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_again_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether calls should not be made now. Asking is taking the turn: one caller a period is let through."""
        if self._failures < FAILURES_UNTIL_OPEN:
            return False
        if time.monotonic() < self._closed_again_at:
            return True
        self._closed_again_at = time.monotonic() + OPEN_SECONDS
        return False

    @property
    def is_on_trial(self) -> bool:
        """Whether it has opened: whoever is let through finds out if the server is back."""
        return self._failures >= FAILURES_UNTIL_OPEN

    def succeeded(self) -> None:
        """The server answered."""
        self._failures = 0

    def failed(self, *, slowly: bool) -> None:
        """The server did not answer as it should, or, ``slowly``, not in time: a request that asks several times would
        wait as often."""
        self._failures += FAILURES_UNTIL_OPEN if slowly else 1
        if self._failures >= FAILURES_UNTIL_OPEN:
            self._closed_again_at = time.monotonic() + OPEN_SECONDS


class RedisCopy:
    """Hashes of bytes, each thrown away as a whole after a while."""

    def __init__(self, address: str | None, registry: CollectorRegistry) -> None:
        self._client: Client | None = None
        self._sentinels: Sentinel | None = None
        if address:
            self._client, self._sentinels = _connect(address)
        self._breaker = Breaker()
        self._trial: asyncio.Task[bool] | None = None
        self._failures = Counter("cache_failures_total", "Calls to Redis that failed.", registry=registry)
        self._open = Gauge("cache_breaker_open", "1 while Redis is not asked.", registry=registry)

    @property
    def is_configured(self) -> bool:
        """Whether there is a server to ask at all."""
        return self._client is not None

    async def get(self, key: str, field: str) -> bytes | None:
        """A field of a hash, or None."""

        async def ask(client: Client) -> object:
            return await client.eval(GET, 1, key, field)

        try:
            value = await self._call(ask)
        except FAULTS:
            return None
        return value if isinstance(value, bytes) else None

    async def put(self, key: str, field: str, value: bytes, seconds: int) -> bool:
        """Set a field. The hash lives for ``seconds`` from its first field on, however many follow.

        False: nobody knows. A server that is frozen stores it when it goes on, long after it was given up.
        """

        async def send(client: Client) -> None:
            await client.eval(PUT, 1, key, field, value, seconds)  # bytes are good

        try:
            await self._call(send)
        except (NotAsked, ResponseError):  # never sent, or refused
            return True
        except FAULTS:
            return False
        return True

    async def drop(self, key: str, field: str | None) -> bool:
        """Forget a field, or the whole hash. False: it may still be there."""

        async def send(client: Client) -> None:
            await (client.delete(key) if field is None else client.hdel(key, field))

        try:
            await self._call(send)
        except FAULTS:
            return False
        return True

    async def run(self, script: str, key: str, *arguments: str | int) -> str | None:
        """The text that a Lua script answers, which touches this one key. None: nobody knows what became of it."""

        async def ask(client: Client) -> object:
            return await client.eval(script, 1, key, *arguments)  # its text each time: some 2 µs to find it by

        try:
            answer = await self._call(ask)
        except FAULTS:
            return None
        return answer.decode() if isinstance(answer, bytes) else str(answer)

    async def answers(self) -> bool:
        """Whether the server answers now, whatever the breaker thinks; if so, it is asked again."""
        if self._client is None:
            return True
        try:
            await self._client.ping()
        except FAULTS:
            return False
        self._note_success()
        return True

    async def close(self) -> None:
        """Close every connection."""
        if self._trial is not None:
            self._trial.cancel()
            await asyncio.gather(self._trial, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
        if self._sentinels is not None:
            await self._sentinels.aclose()

    async def _call(self, call: Callable[[Client], Awaitable[Answer]]) -> Answer:
        if self._client is None or self._breaker.is_open:
            raise NotAsked
        if self._breaker.is_on_trial:  # no request waits for the outcome
            self._trial = asyncio.create_task(self.answers())
            raise NotAsked
        try:
            answer = await call(self._client)
        except FAULTS as error:
            self._failures.inc()
            self._breaker.failed(slowly=isinstance(error, TimeoutError | TooLate))
            self._open.set(self._breaker.is_on_trial)
            raise
        self._note_success()
        return answer

    def _note_success(self) -> None:
        self._breaker.succeeded()
        self._open.set(0)


def _connect(address: str) -> tuple[Client, Sentinel | None]:
    """A client that sends nothing until it is used, and never tries twice: PostgreSQL has the answer too."""
    group = read_group(address)
    if group is None:
        return Redis.from_url(address, **_patience()), None
    account: dict[str, Any] = {"username": group.username, "password": group.password, "ssl": group.tls}
    if group.is_cluster:
        nodes = [ClusterNode(*host) for host in group.hosts]
        # One master without a successor takes its own slots along, not everybody's.
        return RedisCluster(startup_nodes=nodes, require_full_coverage=False, **account, **_patience()), None
    theirs = {"username": group.sentinel_username, "password": group.sentinel_password, "ssl": group.tls}
    sentinels = Sentinel(group.hosts, sentinel_kwargs={**theirs, **_patience()})  # type: ignore[no-untyped-call]
    master: Redis = sentinels.master_for(group.service, db=group.database, **account, **_patience())
    return master, sentinels


def _patience() -> dict[str, Any]:
    return {
        "socket_timeout": TIMEOUT,
        "socket_connect_timeout": TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": 50,
    }
