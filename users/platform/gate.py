"""The gate of the platform: whose key it is, and who came with a wrong one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from common.audit import ANONYMOUS, Actor, Change, Origin
from common.errors import ServiceError
from common.postgresql.errors import DATABASE_ERRORS
from database import Database
from serving.usage.notes import Notes
from users.platform.queries import find_living_key

MAX_ADDRESSES: Final = 100  # told apart in a minute; whoever comes after them is counted with all the others
OTHERS: Final = Origin("many")

log = structlog.get_logger("platform")


@dataclass(slots=True)
class _Guesser:
    origin: Origin  # of the first guess
    tries: int = 0


class PlatformKeys(Notes):
    """Knows the keys that were made, and counts the wrong ones of a minute: one audit entry for each address they came
    from. Most guesses are refused without a database, and stay so: a flood of them costs a few rows a minute.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guessers: dict[str | None, _Guesser] = {}

    async def find_operator(self, digest: bytes) -> Actor | None:
        """Whoever holds the living key of this digest. Not cached: operators are few, and a revocation acts at once."""
        async with self._database.system() as unit:
            found = await find_living_key(unit, digest)
        return Actor("platform", found.id, found.name) if found else None

    def note_refusal(self, origin: Origin) -> None:
        """A wrong key came from there."""
        if origin.ip_address not in self._guessers and len(self._guessers) >= MAX_ADDRESSES:
            origin = OTHERS
        self._guessers.setdefault(origin.ip_address, _Guesser(origin)).tries += 1

    async def write(self) -> None:
        """One entry for each address."""
        counted, self._guessers = self._guessers, {}
        if not counted:
            return
        try:
            async with self._database.system(read_only=False, actor=ANONYMOUS) as unit:
                for guesser in counted.values():
                    tries = [Change("tries", None, guesser.tries)]
                    unit.audit("platform.key.refused", outcome="failure", changes=tries, origin=guesser.origin)
        except (*DATABASE_ERRORS, ServiceError) as error:
            log.warning("platform_key_refusals_lost", reason=type(error).__name__, addresses=len(counted))
