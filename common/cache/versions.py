"""Up to which commit a tenant's data has come, as the processes tell each other through Redis.

The numbers of a tenant's audit entries have no gaps, and their order is that of the commits: who has the newest entry
has everything. A writer tells the entry of its commit *before* it commits, under the lock of the chain's head. So a
crash after the commit leaves nothing untold; what is told and then rolled back has readers ask the primary for a while.

What Redis forgets, being a copy, must not be taken for "nothing has happened":

* A version is believed for ``VERSION_SECONDS``, and within one history of the server (``master_replid``, which changes
  with every restart and fail-over). What comes back from a disk, or from a server that had not heard of the last
  commits, is none.
* Where there is none, a reader takes out a *lease*, waits until every commit told before is done (``COMMIT_SECONDS``; a
  writer that takes longer tells once more), and asks the primary. What it finds is stored if its lease is still there:
  whatever was told, forgotten or asked meanwhile has ended it.
* A version never goes down; what arrives late, as from a server that was frozen, is not believed (``LATE_SECONDS``).
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from common.cache.redis import HISTORY, RedisCopy

VERSION_SECONDS: Final = 10
LEASE_SECONDS: Final = 1
COMMIT_SECONDS: Final = 0.1
LATE_SECONDS: Final = 5  # by the clocks of two machines: a difference of theirs counts, and only delays

_KEPT: Final = (
    HISTORY
    + """
if history == '' then return '?' end
local since, kept = string.match(redis.call('GET', KEYS[1]) or '', '^(%x+) (.+)$')
if since ~= history then kept = nil end
local function keep(value, seconds) redis.call('SET', KEYS[1], history .. ' ' .. value, 'EX', seconds) end
"""
)
FIND: Final = (
    _KEPT
    + """
if not kept then keep(ARGV[1], ARGV[2]) end
return kept or ARGV[1]
"""
)
FILL: Final = (
    _KEPT
    + """
if kept == ARGV[1] then keep(ARGV[2], ARGV[3]) end
return 'done'
"""
)
TELL: Final = (
    _KEPT
    + """
if tonumber(redis.call('TIME')[1]) > tonumber(ARGV[3]) then return 'late' end
local number = tonumber(string.match(kept or '', '^%d+') or 0)
if number <= tonumber(string.match(ARGV[1], '^%d+')) then keep(ARGV[1], ARGV[2]) end
return 'done'
"""
)


@dataclass(frozen=True, slots=True)
class Version:
    """A commit: the number of its last audit entry, and that entry's id, which no other history of the tenant has."""

    number: int
    entry: UUID


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to store what the primary says, while nobody else does or knows better."""

    text: str


class Versions:
    """The newest version of each tenant. None, False: nobody knows."""

    def __init__(self, redis: RedisCopy) -> None:
        self._redis = redis

    async def find(self, key: str) -> Version | Lease | None:
        """The newest version, or the right to find it out; None where another does, and where Redis does not answer."""
        lease = f"?{secrets.token_hex(8)}"
        found = await self._redis.run(FIND, key, lease, LEASE_SECONDS)
        if found is None or found == lease:
            return Lease(lease) if found else None
        return None if found.startswith("?") else _read(found)

    async def fill(self, key: str, lease: Lease, version: Version) -> None:
        """Store what the primary says."""
        await self._redis.run(FILL, key, lease.text, _write(version), VERSION_SECONDS)

    async def tell(self, key: str, version: Version) -> bool:
        """A commit is about to be made. False: others may not hear of it."""
        latest = int(time.time()) + LATE_SECONDS
        return await self._redis.run(TELL, key, _write(version), VERSION_SECONDS, latest) == "done"


def _write(version: Version) -> str:
    return f"{version.number}:{version.entry}"


def _read(text: str) -> Version | None:
    number, _, entry = text.partition(":")
    try:
        return Version(int(number), UUID(entry))
    except ValueError:
        return None
