"""A race of one writer against readers in two workers, and what each of them may have seen."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from common.cache.two_level import FORMAT
from tests.cache.valkey import Stoppable
from tests.cache.workers import Pair, Worker

WITHIN: Final = 1.0  # seconds: the promise
READERS: Final = 1  # in each worker
PAUSE: Final = 0.002  # seconds between a reader's reads


@dataclass(frozen=True)
class Subject:
    """A kind of cached value whose content counts its changes: how to change it, read it, and find it in Redis."""

    write: Callable[[int], Awaitable[float]]  # store a round's value, the first is 1; answers when it was committed
    read: Callable[[Worker], Coroutine[Any, Any, int]]  # through the worker's cache
    bucket: str
    field: str
    decode: Callable[[bytes], int]  # the round of a value in Redis


@dataclass
class Race:
    """Rounds of a subject, with Redis or without it."""

    pair: Pair
    subject: Subject
    valkey: Stoppable | None
    commits: list[float] = field(default_factory=list)  # when each round's value was committed
    seen: list[list[tuple[float, int]]] = field(default_factory=lambda: [[], []])  # by worker: asked when, seen what

    async def run(self, rounds: int, events: Mapping[int, Callable[[], None]] | None = None) -> None:
        """Write ``rounds`` times beside the readers; ``events`` happen before their round."""
        over = asyncio.Event()
        self.commits.append(time.monotonic())  # of what the subject began with
        readers = [
            asyncio.ensure_future(worker.do(self._read(worker, seen, over)))
            for worker, seen in zip(self.pair.both, self.seen, strict=True)
            for _ in range(READERS)
        ]
        try:
            for number in range(1, rounds + 1):
                if events and number in events:
                    events[number]()
                await self._write(number)
                if number % 3 or number == rounds:  # the others are overtaken by the next
                    await self._until_known(number)
        finally:
            over.set()
            await asyncio.gather(*readers)

    async def check(self) -> None:
        """Nobody has seen what was too old, and nothing old is left anywhere."""
        await self.check_reads()
        last = len(self.commits) - 1
        for worker in self.pair.both:
            assert await worker.do(self.subject.read(worker)) == last
            assert await self.stored(worker) in {None, last}

    async def check_reads(self) -> None:
        """No read that began a second after a commit saw anything older."""
        for seen in self.seen:
            assert len(seen) > len(self.commits), "the readers hardly ran"
            for began, number in seen:
                assert number >= bisect_right(self.commits, began - WITHIN) - 1, "older than a second"

    async def stored(self, worker: Worker) -> int | None:
        """What Redis has for a worker that reads it."""
        caches = worker.services.caches
        if self.valkey is None or not self.valkey.answers or not caches.is_sharing:
            return None
        return await self.stored_at(caches.key(self.subject.bucket))

    async def stored_at(self, key: bytes | str) -> int | None:
        """The round of the value that lies in Redis under a key."""
        assert self.valkey is not None
        data = await self.valkey.copy.hget(key, self.subject.field)
        if data is None:
            return None
        assert isinstance(data, bytes)
        return self.subject.decode(data.partition(FORMAT)[2])  # before it, the history of the server

    async def _write(self, number: int) -> None:
        self.commits.append(await self.subject.write(number))

    async def _read(self, worker: Worker, seen: list[tuple[float, int]], over: asyncio.Event) -> None:
        while not over.is_set():
            began = time.monotonic()
            seen.append((began, await self.subject.read(worker)))
            await asyncio.sleep(PAUSE)

    async def _until_known(self, number: int) -> None:
        """Until both workers, and Redis for either, have nothing older: within a second of the commit."""
        while not await self._is_known(number):
            assert time.monotonic() - self.commits[number] < WITHIN, "something older is still there"
            await asyncio.sleep(PAUSE)

    async def _is_known(self, number: int) -> bool:
        if any(not seen or seen[-1][1] < number for seen in self.seen):
            return False
        found = [await self.stored(worker) for worker in self.pair.both]
        return all(stored is None or stored >= number for stored in found)
