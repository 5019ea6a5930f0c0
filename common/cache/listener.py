"""Hearing what other processes change: one PostgreSQL connection per process and server that LISTENs.

Notifications come with the commit of the transaction that sent them. While the connection to the home database is gone
nothing is cached; while that to a shard is, nothing of its tenants.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import asyncpg
import structlog

from common.cache.two_level import Caches, Message
from common.postgresql.errors import DRIVER_ERRORS
from common.shards import HOME

CHANNEL: Final = "system_service"
JOBS_CHANNEL: Final = "system_service_jobs"
MAX_PAYLOAD: Final = 7900  # bytes; PostgreSQL refuses 8000
CHECK_SECONDS: Final = 2.0  # how often a silent connection is asked whether it is still one
CHECK_TIMEOUT: Final = 2.0
RETRY_SECONDS: Final = 0.5

log = structlog.get_logger("cache")


def write_payload(messages: Iterable[Message]) -> str:
    """Messages as NOTIFY carries them; too many of a bucket become "all of it"."""
    listed = [list(message) for message in dict.fromkeys(messages)]
    payload = json.dumps(listed, separators=(",", ":"))
    if len(payload.encode()) > MAX_PAYLOAD:
        payload = json.dumps(sorted([bucket, None] for bucket in {item[0] for item in listed}), separators=(",", ":"))
    return payload


def read_payload(payload: str) -> list[Message]:
    """The messages of a notification; one that is not ours is none."""
    try:
        return [(str(bucket), None if field is None else str(field)) for bucket, field in json.loads(payload)]
    except (ValueError, TypeError):
        return []


class Listener:
    """Keeps a process's caches informed of what is changed on one server."""

    def __init__(
        self, dsn: str, caches: Caches, *, connect_timeout: float, on_job: Callable[[], None], shard: str = HOME
    ) -> None:
        self._dsn = dsn
        self._caches = caches
        self._shard = shard
        self._connect_timeout = connect_timeout
        self._on_job = on_job
        self._received: asyncio.Queue[Sequence[Message]] = asyncio.Queue()
        self.listening = asyncio.Event()
        caches.stop_listening(shard)  # nothing is heard yet

    async def run(self) -> None:
        """Listen, for ever; connect again whenever the connection is lost."""
        acting = asyncio.create_task(self._act())
        try:
            while True:
                try:
                    await self._listen()
                except DRIVER_ERRORS as error:
                    log.warning("cache_listener_lost", shard=self._shard, reason=type(error).__name__)
                self._caches.stop_listening(self._shard)
                self.listening.clear()
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            acting.cancel()
            self._caches.stop_listening(self._shard)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=self._connect_timeout)
        try:
            connection.add_termination_listener(lambda _: self._caches.stop_listening(self._shard))
            await connection.add_listener(CHANNEL, self._receive)
            await connection.add_listener(JOBS_CHANNEL, lambda *_: self._on_job())
            if self._shard == HOME:
                await self._begin_generation(connection)
            else:
                self._caches.start_listening(self._shard)
            self.listening.set()
            await self._watch(connection)
        finally:
            connection.terminate()

    async def _begin_generation(self, connection: asyncpg.Connection) -> None:
        """The others follow, so that all of them share one copy."""
        generation = self._caches.begin_generation()
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, json.dumps({"generation": generation}))

    async def _watch(self, connection: asyncpg.Connection) -> None:
        checked_at = time.monotonic()
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            if connection.is_closed() or time.monotonic() - checked_at >= CHECK_SECONDS:
                await connection.execute("SELECT 1", timeout=CHECK_TIMEOUT)
                checked_at = time.monotonic()
            if self._shard == HOME and self._caches.needs_generation and await self._caches.redis.answers():
                await self._begin_generation(connection)

    def _receive(self, _connection: Any, _process: int, _channel: str, payload: str) -> None:
        if payload.startswith("{"):
            self._caches.start_generation(str(json.loads(payload)["generation"]))
            return
        messages = read_payload(payload)
        self._caches.forget_locally(messages)  # at once, before anything else this process does
        self._received.put_nowait(messages)

    async def _act(self) -> None:
        while True:
            await self._caches.forget(await self._received.get())
