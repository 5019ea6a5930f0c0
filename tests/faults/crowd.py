"""People who ask the same things again and again, each over a connection of his own, and how they are answered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.support.lines import BROKEN, Line

AGAIN: Final = 0.05  # seconds until somebody whose connection broke tries again
TICK: Final = 0.005


@dataclass(frozen=True, slots=True)
class Question:
    """A request that can be sent any number of times."""

    name: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None


@dataclass(frozen=True, slots=True)
class Reply:
    """When a question was asked, how long its answer took, the status (0: the connection broke), whether it says when
    to come back."""

    asked_at: float
    seconds: float
    status: int
    retry: bool = False
    body: bytes = b""


class Crowd:
    """The replies to each question, by its name. They only grow."""

    def __init__(self, port: int, pause: float) -> None:
        self._port = port
        self._pause = pause
        self._over = False
        self.replies: dict[str, list[Reply]] = {}
        self.lateness: list[float] = []
        """How late this process itself came to what it waited for, again and again: part of every reply's time."""

    def of(self, *names: str, since: float = 0.0, until: float = float("inf")) -> list[Reply]:
        """The replies to these questions, or to all, that were asked and answered in this time."""
        chosen = names or tuple(self.replies)
        return [
            reply
            for name in chosen
            for reply in self.replies[name]
            if since <= reply.asked_at and reply.asked_at + reply.seconds < until
        ]

    def statuses(self, *names: str, since: float = 0.0, until: float = float("inf")) -> Mapping[int, int]:
        """How often each status was answered."""
        return Counter(reply.status for reply in self.of(*names, since=since, until=until))

    def stop(self) -> None:
        """Nobody asks any more."""
        self._over = True

    async def watch(self) -> None:
        """Note how late this process is, until it is over."""
        while not self._over:
            due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            self.lateness.append(time.monotonic() - due)

    async def ask(self, question: Question) -> None:
        """One person's questions, until it is over."""
        replies = self.replies.setdefault(question.name, [])
        line: Line | None = None
        while not self._over:
            began = time.monotonic()
            try:
                if line is None or line.is_closed:
                    line = await Line.open(self._port)
                answer = await line.ask(question.method, question.path, question.headers, question.body)
            except (*BROKEN, OSError):
                replies.append(Reply(began, time.monotonic() - began, 0))
                if line is not None:
                    line.close()
                line = None
                await asyncio.sleep(AGAIN)
                continue
            body = answer.body if answer.status >= 400 else b""
            replies.append(Reply(began, time.monotonic() - began, answer.status, answer.retry, body))
            await asyncio.sleep(self._pause)
        if line is not None:
            line.close()


@asynccontextmanager
async def asking(port: int, questions: Sequence[Question], *, pause: float = 0.02) -> AsyncIterator[Crowd]:
    """Somebody for each question, as long as the block lasts, and until the last answer."""
    crowd = Crowd(port, pause)
    people = [asyncio.create_task(crowd.ask(question)) for question in questions]
    people.append(asyncio.create_task(crowd.watch()))
    try:
        yield crowd
    finally:
        crowd.stop()
        await asyncio.gather(*people)
