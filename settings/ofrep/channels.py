"""Who waits for changes of flags, in this process: one channel for each tenant that somebody listens to.

A channel is woken by what the caches forget, here or, through the listener, elsewhere. It holds no connection: it looks
up the version of the flags as every request does, and wakes those who wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from common.cache.two_level import Caches, Message
from common.config import Config
from common.errors import Overloaded, ServiceError, TooManyRequests
from common.ids import TenantName
from common.postgresql.errors import DATABASE_ERRORS
from database import Tenant
from serving.services import Services
from settings.feature_flags.caching import FLAGS
from settings.feature_flags.evaluation import find_flag_set

TENANTS: Final = "system/tenants"  # the bucket of the registry: its news may be a suspension
CHECK_SECONDS: Final = 15.0  # also without news: a notification may have been lost with its connection
# Another process may for an instant put a copy back that was stale already; it takes it out again within a second.
AGAIN_SECONDS: Final = 1.0
FULL_SECONDS: Final = 30  # when to try again where a tenant has too many streams

log = structlog.get_logger("flags")


class Channel:
    """What those who listen to one tenant share."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.ended = False
        self.listeners = 0
        self.pulse = asyncio.Event()  # set, once, when there is something new
        self.stale = asyncio.Event()  # set when there may be
        self.watching: asyncio.Task[None] | None = None

    def tell(self, version: int) -> None:
        """The flags have this version now."""
        if version != self.version:
            self.version = version
            self._wake()

    def end(self) -> None:
        """Send everybody home."""
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        pulse, self.pulse = self.pulse, asyncio.Event()
        pulse.set()


class FlagChannels:
    """All channels of a process, which hold so many listeners, and so many of one tenant."""

    def __init__(self, caches: Caches, config: Config) -> None:
        self._limit = config.flag_streams
        self._tenant_limit = config.flag_streams_per_tenant
        self._channels: dict[str, Channel] = {}
        self._closed = False
        caches.observe(self._hear)

    @property
    def listeners(self) -> int:
        """How many there are."""
        return sum(channel.listeners for channel in self._channels.values())

    def close(self) -> None:
        """The process is to stop: nobody waits any longer, and nobody begins to."""
        self._closed = True
        for channel in self._channels.values():
            channel.end()

    @asynccontextmanager
    async def joined(self, services: Services, tenant: Tenant, version: int) -> AsyncIterator[Channel]:
        """Be one of those who listen. Raises Overloaded or TooManyRequests."""
        schema = tenant.name.schema
        channel = self._channels.get(schema)
        if self._closed or self.listeners >= self._limit:
            raise Overloaded("There are too many streams. Try again later.")
        if channel is not None and channel.listeners >= self._tenant_limit:
            raise TooManyRequests(FULL_SECONDS)
        if channel is None or channel.ended:
            channel = self._open(services, tenant.name, version)
        channel.listeners += 1
        try:
            yield channel
        finally:
            channel.listeners -= 1
            if not channel.listeners:
                self._leave(schema, channel)

    def _open(self, services: Services, name: TenantName, version: int) -> Channel:
        channel = self._channels[name.schema] = Channel(version)
        channel.watching = asyncio.create_task(_watch(services, name, channel))
        channel.watching.add_done_callback(lambda _: self._leave(name.schema, channel))
        return channel

    def _leave(self, schema: str, channel: Channel) -> None:
        channel.end()
        channel.stale.set()
        if self._channels.get(schema) is channel:
            del self._channels[schema]

    def _hear(self, messages: Sequence[Message] | None) -> None:
        if messages is None:
            for channel in self._channels.values():
                channel.stale.set()
            return
        for bucket, field in messages:
            if bucket == TENANTS:
                self._look(field)
            elif bucket.endswith(f"/{FLAGS}"):
                self._look(bucket.removesuffix(f"/{FLAGS}"))

    def _look(self, schema: str | None) -> None:
        for name, channel in self._channels.items():
            if schema in {None, name}:
                channel.stale.set()


async def _watch(services: Services, name: TenantName, channel: Channel) -> None:
    """Look whenever there may be news, for as long as somebody listens."""
    seconds = CHECK_SECONDS
    while not channel.ended:
        with suppress(TimeoutError):
            await asyncio.wait_for(channel.stale.wait(), seconds)
        woken, before = channel.stale.is_set(), channel.version
        channel.stale.clear()
        if not channel.ended:
            known = await _refresh(services, name, channel)
            seconds = AGAIN_SECONDS if not known or (woken and before == channel.version) else CHECK_SECONDS


async def _refresh(services: Services, name: TenantName, channel: Channel) -> bool:
    """Look up what is true now; False when the database cannot say."""
    try:
        tenant = await services.find_tenant(name)
        if tenant is None or tenant.status != "active":
            channel.end()
        else:
            channel.tell((await find_flag_set(services, tenant)).version)
    except (*DATABASE_ERRORS, ServiceError) as error:
        log.warning("flag_stream_blind", tenant=name.schema, reason=type(error).__name__)
        return False
    return True
