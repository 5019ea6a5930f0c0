"""The stream itself: Server-Sent Events that say when flags should be fetched again (OFREP ADR 0008)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import randrange
from typing import Final

from common.config import Config
from database import Tenant
from serving.services import Services
from serving.visit import Visit
from settings.feature_flags.evaluation import find_flag_set
from settings.ofrep.channels import Channel, FlagChannels
from settings.ofrep.contexts import read_configuration, tag_configuration
from settings.ofrep.tokens import StreamTokens

HEARTBEAT_SECONDS: Final = 15.0  # proxies cut what is silent for 30 to 60 s
RETRY_MS: Final = (2000, 5000)  # each client waits a little differently: they may all have been cut at once
HEARTBEAT: Final = b":\n\n"


class ChangeStream:
    """Events for one listener, from the version it knows until ``expires`` (seconds since 1970)."""

    def __init__(self, services: Services, tenant: Tenant, *, version: int, known: int, expires: int) -> None:
        self._services = services
        self._tenant = tenant
        self._version = version
        self._known = known
        self._expires = expires

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """Join those who listen. Raises Overloaded or TooManyRequests."""
        channels = self._services.flag_channels
        assert isinstance(channels, FlagChannels)
        async with channels.joined(self._services, self._tenant, self._version) as channel:
            yield self._events(channel)

    async def _events(self, channel: Channel) -> AsyncIterator[bytes]:
        known, text = self._known, f"retry: {randrange(*RETRY_MS)}\n\n".encode()  # noqa: S311 - no secret
        while not channel.ended and (left := self._expires - time.time()) > 0:
            pulse = channel.pulse
            if channel.version != known:
                known = channel.version
                text += _event(known)
            yield text or HEARTBEAT
            text = b""
            with suppress(TimeoutError):
                await asyncio.wait_for(pulse.wait(), min(left, HEARTBEAT_SECONDS))


async def prepare_stream(visit: Visit, token: str, since: int | None, last_event: str | None) -> ChangeStream:
    """A stream of changes, from the version that the client knows on."""
    assert visit.tenant is not None
    version = (await find_flag_set(visit.services, visit.tenant)).version
    known = read_configuration(f"v{last_event}") if last_event else since
    expires = stream_tokens(visit.services.config).verify(token, time.time()).expires
    known = version if known is None else known
    return ChangeStream(visit.services, visit.tenant, version=version, known=known, expires=expires)


def stream_tokens(config: Config) -> StreamTokens:
    """What makes and verifies the secrets of addresses."""
    previous = config.secret_key_previous
    return StreamTokens(config.secret_key.get_secret_value(), previous.get_secret_value() if previous else None)


def _event(version: int) -> bytes:
    """The one event there is. Its id is the version: who comes back with it is told only what is newer."""
    data = json.dumps({"type": "refetchEvaluation", "etag": tag_configuration(version)}, separators=(",", ":"))
    return f"id: {version}\ndata: {data}\n\n".encode()
