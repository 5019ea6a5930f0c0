"""People who write, all the time, in a thread of their own: what a test breaks meanwhile may block its own thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from tests.embedded.processes import wait_for
from tests.faults.ledger import Ledger
from tests.support.groups import Group
from tests.support.lines import BROKEN, Answer, Line, owner_of
from tests.support.world import API

NOTES: Final = f"{API}/tools/notes"
PAUSE: Final = 0.01  # seconds between an answer and the next request
PATIENCE: Final = 120.0  # seconds for what has no limit of its own
AGAIN: Final = 0.05  # seconds until somebody who was refused, or cut off, tries again

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Try:
    """One request: when its answer came, how long that took, its status (0: the connection broke), and who answered."""

    at: float
    seconds: float
    status: int
    worker: int | None


@dataclass
class Load:
    """What the writers did. ``tries`` only grows, so another thread may read it."""

    group: Group
    ledger: Ledger = field(default_factory=Ledger)
    tries: list[Try] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)  # answers that nobody should get
    _over: bool = False

    def statuses(self) -> Mapping[int, int]:
        """How often each status was answered; 0 stands for broken connections."""
        return Counter(each.status for each in self.tries)

    def first_success(self, since: float, worker: int | None = None) -> float | None:
        """When the first write after this moment was acknowledged, by this process or any: seconds after it."""
        for each in self.tries:
            if each.at > since and each.status in {200, 201} and (worker is None or each.worker == worker):
                return each.at - since
        return None

    def wait_for_writes(self, number: int) -> None:
        """Until so many were acknowledged in all."""
        wait_for(lambda: self.ledger.writes >= number, PATIENCE)

    def wait_for_success(self, since: float, workers: Iterable[int | None] = (None,)) -> list[float]:
        """Until each of these processes has acknowledged a write after this moment: how long after it."""
        workers = list(workers)
        wait_for(lambda: all(self.first_success(since, worker) is not None for worker in workers), PATIENCE)
        return [self.first_success(since, worker) or 0.0 for worker in workers]

    def stop(self) -> None:
        """Have the writers finish what they are at."""
        self._over = True

    async def write(self, line: Line | None, headers: Headers, name: str) -> None:
        """Create a note, change it, and so on; over this connection, and over another whenever it breaks."""
        number, note = 0, None
        worker = self._worker(line)  # known once it has accepted the connection, which waits for one that lives
        while not self._over:
            began = time.monotonic()
            if line is None or line.is_closed:
                line, worker = await self._connect(), None
            try:
                if line is None:
                    raise ConnectionError
                answer = await self._send(line, headers, note, f"{name} {number}")
            except BROKEN:
                self.tries.append(Try(time.monotonic(), time.monotonic() - began, 0, worker))
                if line is not None:
                    line.close()
                line, note = None, None
                await asyncio.sleep(AGAIN)
                continue
            worker = worker or self._worker(line)
            self.tries.append(Try(time.monotonic(), time.monotonic() - began, answer.status, worker))
            note = self._understand(headers["X-Tenant-ID"], answer, note)
            number += 1
            await asyncio.sleep(AGAIN if answer.status == 503 else PAUSE)
        if line is not None:
            line.close()

    async def _connect(self) -> Line | None:
        with suppress(OSError):
            return await Line.open(self.group.port)
        return None

    def _worker(self, line: Line | None) -> int | None:
        return owner_of(line, self.group.port, self.group.workers()) if line is not None else None

    async def _send(self, line: Line, headers: Headers, note: str | None, title: str) -> Answer:
        if note is None:
            return await line.ask("POST", NOTES, headers, {"title": title})
        changed = {**headers, "If-Match": '"v1"'}
        return await line.ask("PATCH", f"{NOTES}/{note}", changed, {"title": title})

    def _understand(self, tenant: str, answer: Answer, note: str | None) -> str | None:
        """Enter what was acknowledged; the note to change next, or None for a new one."""
        if answer.status in {200, 201}:
            body: dict[str, Any] = answer.json()
            self.ledger.enter(tenant, body["id"], body["version"])
            return body["id"] if note is None else None
        if answer.status != 503 or not answer.retry:
            self.odd.append(f"{answer.status} {answer.body[:300]!r}")
        return None


async def balanced_lines(group: Group, each: int) -> list[Line]:
    """Connections of which every process of a group has accepted so many: the kernel does not deal them out evenly."""
    kept: dict[int, list[Line]] = {pid: [] for pid in group.workers()}
    while any(len(lines) < each for lines in kept.values()):
        line = await Line.open(group.port)
        await line.ask("GET", "/health", {})
        owner = owner_of(line, group.port, set(kept))
        if owner is None or len(kept[owner]) >= each:
            line.close()
        else:
            kept[owner].append(line)
    return [line for lines in kept.values() for line in lines]


@contextmanager
def writing(group: Group, tenants: Sequence[Headers], each: int) -> Iterator[Load]:
    """So many writers with each process of the group, of one tenant after the other, as long as the block lasts."""
    load = Load(group)
    started: Future[None] = Future()

    async def live() -> None:
        lines = await balanced_lines(group, each)
        started.set_result(None)
        writers = [
            load.write(line, tenants[number % len(tenants)], f"writer {number}") for number, line in enumerate(lines)
        ]
        await asyncio.gather(*writers)

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:
            if started.done():
                load.odd.append(repr(error))
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        started.result(60)
        yield load
    finally:
        load.stop()
        thread.join(60)
        assert not thread.is_alive()
