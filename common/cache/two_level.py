"""The one cache mechanism: this process (L1), then Redis (L2), then PostgreSQL, which is the truth.

Values lie in buckets, ``tenant_acme/principals``, so that one of them or all of a tenant can be forgotten. Forgetting
is part of the transaction that makes it necessary: NOTIFY is transactional, and every process listens (``listener``).

Why nothing stale lives longer than L1's moment:

* A load during which anything was forgotten is kept nowhere.
* A process that has lost its listener asks PostgreSQL every time, and starts a new *generation* of L2 keys when it
  listens again; whatever was missed in between lies in the old generation, which nobody reads any more.
* L2 may be filled with an old value in the instant before the message arrives, but the process that filled it gets the
  message too and takes it out again, once more if the two overtook each other; who read it meanwhile keeps it for L1's
  moment only.
* Who cannot know whether L2 has stored or forgotten something does not believe it any more, until it answers again and
  a new generation has begun: Redis may go on with everything it had, and do what it was asked long ago.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from common.cache.local import LocalCache
from common.cache.redis import RedisCopy
from common.shards import HOME

L2_SECONDS: Final = 60
FORMAT: Final = b"2:"  # a value written by another version of this code is a miss

Value = TypeVar("Value")
Message = tuple[str, str | None]  # a bucket, and a field of it or None for all
Observer = Callable[[Sequence[Message] | None], None]  # None: anything may have changed


class Near(Protocol):
    """What this process keeps of something, which the messages are about."""

    def drop(self, bucket: str, field: str | None) -> None:
        """Forget one value, or the whole bucket."""

    def clear(self) -> None:
        """Forget everything."""


class Caches:
    """All caches of a process, and what they have in common: L2, its generation, whether the listener listens."""

    def __init__(self, redis: RedisCopy, registry: CollectorRegistry) -> None:
        self.redis = redis
        self.generation = ""
        self.is_distrusted = False  # L2; the listener ends that with a new generation
        self._deaf: set[str] = set()  # shards whose changes are not heard
        self._is_renewing = False  # a shard is heard again: what was missed lies in the generation there is
        self._forgetting = 0  # how many calls are taking something out of L2
        self._near: list[Near] = []
        self._lookups: dict[str, Mapping[str, int]] = {}
        registry.register(LookupCollector(self._lookups))
        self._observers: list[Observer] = []

    @property
    def is_listening(self) -> bool:
        """Whether this process hears what others change."""
        return bool(self.generation)

    def hears(self, shard: str) -> bool:
        """Whether it hears what others change in that shard; what it does not hear of, it keeps nowhere."""
        return bool(self.generation) and shard not in self._deaf

    @property
    def needs_generation(self) -> bool:
        """Whether L2 may hold what this process, or Redis, should have forgotten."""
        return self.is_distrusted or self._is_renewing

    @property
    def is_sharing(self) -> bool:
        """Whether there is an L2 to fill, and to be told what to forget."""
        return self.is_listening and not self.needs_generation and self.redis.is_configured

    @property
    def may_ask(self) -> bool:
        """Whether L2 has nothing that this process knows to be stale."""
        return self.is_sharing and not self._forgetting

    def add(self, name: str, near: Near, lookups: Mapping[str, int]) -> None:
        """Have a cache follow the messages, and its look-ups counted by outcome."""
        self._near.append(near)
        self._lookups[name] = lookups

    def observe(self, observer: Observer) -> None:
        """Have somebody told what was forgotten, when whoever asks next gets what is true now."""
        self._observers.append(observer)

    async def forget(self, messages: Iterable[Message]) -> None:
        """Act on what a transaction, here or elsewhere, has made stale: L1 at once, then L2."""
        messages = list(messages)
        self.forget_locally(messages)
        self._forgetting += 1
        try:
            for bucket, field in messages:
                if self.is_sharing:
                    await self.drop_shared(self.key(bucket), field)
        finally:
            self._forgetting -= 1
        self._tell(messages)

    async def drop_shared(self, key: str, field: str | None) -> None:
        """Take something out of L2."""
        if not await self.redis.drop(key, field):
            self.is_distrusted = True

    def forget_locally(self, messages: Iterable[Message]) -> None:
        """The part of it that nobody has to wait for."""
        for bucket, field in messages:
            for near in self._near:
                near.drop(bucket, field)

    def begin_generation(self) -> str:
        """Start a new one here, of which the others are to be told."""
        self._is_renewing = False
        generation = secrets.token_hex(6)
        self.start_generation(generation)
        return generation

    def start_generation(self, generation: str) -> None:
        """Listening has begun, here or in another process: nothing from before is believed."""
        self.generation, self.is_distrusted = generation, False
        self._clear()
        self._tell(None)

    def start_listening(self, shard: str) -> None:
        """A shard is heard, the home database being another matter: L2 waits for the next generation."""
        self._deaf.discard(shard)
        self._is_renewing = True
        self._clear()
        self._tell(None)

    def stop_listening(self, shard: str = HOME) -> None:
        """A listener is gone: until it is back, PostgreSQL answers everything, or what concerns the shard's tenants."""
        if shard == HOME:
            self.generation = ""
        else:
            self._deaf.add(shard)
        self._clear()
        self._tell(None)

    def key(self, bucket: str) -> str:
        """The Redis key of a bucket; it starts with the tenant."""
        return f"{bucket}/{self.generation}"

    def _clear(self) -> None:
        for near in self._near:
            near.clear()

    def _tell(self, messages: Sequence[Message] | None) -> None:
        for observer in self._observers:
            observer(messages)


class TwoLevelCache(Generic[Value]):
    """One kind of value. ``encode`` and ``decode`` turn it into JSON's types and back."""

    def __init__(
        self,
        name: str,
        caches: Caches,
        local: LocalCache[Value],
        *,
        encode: Callable[[Value], Any],
        decode: Callable[[Any], Value],
    ) -> None:
        self.local = local
        self._caches = caches
        self._encode = encode
        self._decode = decode
        self.lookups = {"l1": 0, "l2": 0, "miss": 0}  # plain numbers: several are counted in every request
        caches.add(name, local, self.lookups)

    async def get(
        self, bucket: str, field: str, load: Callable[[], Awaitable[Value | None]], shard: str = HOME
    ) -> Value | None:
        """A value, loaded if need be, from that shard. None, "there is no such thing", is never kept: it may be about
        to be made."""
        if not self._caches.hears(shard):
            return await load()
        value = self.local.get(bucket, field)
        if value is not None:
            self.lookups["l1"] += 1
            return value
        started, drops = time.monotonic(), self.local.drops
        value = await self._from_redis(bucket, field) if self._caches.may_ask else None
        if value is None:
            self.lookups["miss"] += 1
            value = await load()
            if value is not None and drops == self.local.drops and self._caches.is_sharing:
                await self._to_redis(bucket, field, value)
        else:
            self.lookups["l2"] += 1
        if value is not None and drops == self.local.drops:
            self.local.put(bucket, field, value, read_at=started)
        return value

    async def _from_redis(self, bucket: str, field: str) -> Value | None:
        data = await self._caches.redis.get(self._caches.key(bucket), field)
        if data is None or not data.startswith(FORMAT):
            return None
        try:
            return self._decode(json.loads(data.removeprefix(FORMAT)))
        except (ValueError, KeyError, TypeError):  # written by a version that knew other fields
            return None

    async def _to_redis(self, bucket: str, field: str, value: Value) -> None:
        key, drops, is_known = self._caches.key(bucket), self.local.drops, False
        data = FORMAT + json.dumps(self._encode(value), separators=(",", ":")).encode()
        try:
            is_known = await self._caches.redis.put(key, field, data, L2_SECONDS)
        finally:
            if not is_known:  # also when whoever waited for it was cancelled
                self._caches.is_distrusted = True
        if drops != self.local.drops:  # Redis may have been told to forget it before it was told to store it
            await self._caches.drop_shared(key, field)


class LookupCollector(Collector):
    """Look-ups by cache and outcome, read at the moment of the scrape."""

    def __init__(self, lookups: Mapping[str, Mapping[str, int]]) -> None:
        self._lookups = lookups

    def collect(self) -> Iterator[Metric]:
        """Of every cache."""
        family = CounterMetricFamily("cache_lookups", "Look-ups by cache and outcome.", labels=["cache", "outcome"])
        for name, lookups in self._lookups.items():
            for outcome, number in lookups.items():
                family.add_metric([name, outcome], number)
        yield family
