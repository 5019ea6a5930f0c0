"""The connection to Redis or Valkey, with the one policy for its failures: it may be gone at any time."""

from __future__ import annotations

from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

TIMEOUT: Final = 0.25  # seconds; a cache that answers later than PostgreSQL would is of no use


def connect_redis(address: str) -> Redis:
    """A client for ``redis://``, ``rediss://`` or ``unix://``. Nothing is sent until it is used."""
    return Redis.from_url(address, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0))


async def answers(client: Redis) -> bool:
    """Whether the server answers in time."""
    try:
        return bool(await client.ping())
    except (RedisError, OSError, TimeoutError):
        return False
