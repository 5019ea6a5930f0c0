"""Two workers of the service, each with an event loop of its own: they share nothing but PostgreSQL and Valkey."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from common.config import Config
from serving.services import Services
from tests.support.apps import running, services_of

Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Worker:
    """A started application, and the event loop it lives in."""

    services: Services
    http: httpx.AsyncClient
    loop: asyncio.AbstractEventLoop

    async def do(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Have something done in the worker's own loop."""
        if asyncio.get_running_loop() is self.loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))


@dataclass(frozen=True)
class Pair:
    """One worker in this thread and one in another."""

    here: Worker
    there: Worker

    @property
    def both(self) -> tuple[Worker, Worker]:
        """Both of them."""
        return self.here, self.there


@asynccontextmanager
async def pair_of(here: Config, there: Config) -> AsyncIterator[Pair]:
    """Start both, the second in a thread."""
    async with running(here) as (app, http), _in_thread(there) as other:
        yield Pair(Worker(services_of(app), http, asyncio.get_running_loop()), other)


@asynccontextmanager
async def _in_thread(config: Config) -> AsyncIterator[Worker]:
    started: Future[tuple[Worker, asyncio.Event]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_live(config, started)))
    thread.start()
    worker, over = await asyncio.wrap_future(started)
    try:
        yield worker
    finally:
        worker.loop.call_soon_threadsafe(over.set)
        await asyncio.to_thread(thread.join)


async def _live(config: Config, started: Future[tuple[Worker, asyncio.Event]]) -> None:
    over = asyncio.Event()
    try:
        async with running(config) as (app, http):
            started.set_result((Worker(services_of(app), http, asyncio.get_running_loop()), over))
            await over.wait()
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)
