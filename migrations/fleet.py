"""Upgrading every tenant of a server: only those behind, some at once, each in a transaction of its own. One's failure
stays its own.

Who is behind is found by one query. The SQL of an upgrade is written once for each revision that somebody is at, and
each tenant gets it as one message (``migrations.upgrading``).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from common.config import Config
from migrations.errors import DatabaseProblem, DatabaseUnreachable
from migrations.seed import digest
from migrations.tenant import expected_revision
from migrations.upgrading import BEHIND, HERE, Laggard, Outcome, Upgrader, describe, may_pass

DEFAULT_WORKERS: Final = min(4, 2 * (os.cpu_count() or 1))  # more only take turns at PostgreSQL's catalogue and disk
TRIES: Final = 5
PAUSE_SECONDS: Final = 1.0  # before the second try; twice as long before each further one

_FLEET: Final = (
    f"SELECT count(*) FILTER (WHERE {HERE}), coalesce(bool_or(id = :tenant), false), "
    "coalesce(json_agg(json_build_array(id, schema_name, role_name, revision) ORDER BY id) "
    f"FILTER (WHERE {BEHIND}), '[]') FROM system.tenants"
)


@dataclass(slots=True)
class FleetReport:
    """What an upgrade of the fleet does: whom it found behind, whom of them it takes, and what came of it so far."""

    total: int = 0
    behind: list[Laggard] = field(default_factory=list)
    chosen: Sequence[Laggard] = ()
    outcomes: list[Outcome] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)  # shard → why it could not be upgraded, or home not be told

    @property
    def upgraded(self) -> list[str]:
        """The tenants that this run has upgraded."""
        return sorted(outcome.tenant for outcome in self.outcomes if outcome.result == "upgraded")

    @property
    def failed(self) -> dict[str, str]:
        """The tenants that could not be upgraded, each with the first line of its error."""
        return {outcome.tenant: outcome.error for outcome in self.outcomes if outcome.error is not None}

    @property
    def left(self) -> int:
        """How many are behind and were not tried: not chosen, or the run was told to stop."""
        return len(self.behind) - len(self.outcomes)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the tenants that are behind: all, one, or the first so many by id."""

    tenant: str | None = None
    limit: int | None = None

    def among(self, behind: Sequence[Laggard]) -> Sequence[Laggard]:
        """Those that are chosen."""
        return [one for one in behind if self.tenant in {None, one.tenant}][: self.limit]


Report = Callable[[FleetReport], None]  # its last outcome is new
EVERYBODY: Final = Choice()


class Fleet:
    """The tenants of one server, on connections of their own, which are kept: one for each worker."""

    def __init__(self, config: Config, shard: str, workers: int) -> None:
        self._shard = shard
        self._workers = workers
        self._engine = create_async_engine(
            config.owner_url,
            pool_size=workers,
            max_overflow=0,
            connect_args={"timeout": config.database_connect_timeout},
        )

    async def look(self, tenant: str | None) -> tuple[int, bool, Sequence[Laggard]]:
        """How many there are, whether the registry has that one, and who is behind. Raises DatabaseProblem."""
        newest = {"revision": expected_revision(), "digest": digest(), "tenant": tenant}
        try:
            async with self._engine.connect() as connection:
                total, is_known, rows = (await connection.execute(text(_FLEET), newest)).one()
        except DBAPIError as error:
            raise DatabaseProblem(f"The registry of tenants cannot be read: {describe(error)}.") from error
        except (OSError, TimeoutError) as error:
            raise DatabaseUnreachable(f"The database does not answer: {error or type(error).__name__}.") from error
        return total, is_known, [Laggard(*(*row, self._shard)) for row in rows]

    async def upgrade(self, found: FleetReport, report: Report, stop: asyncio.Event) -> None:
        """Upgrade those of its tenants that are chosen; once ``stop`` is set, only those in hand."""
        chosen = [laggard for laggard in found.chosen if laggard.shard == self._shard]
        run = _Run(Upgrader(self._engine), chosen, found, report, stop)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._workers, len(chosen))):
                group.create_task(run.work())

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


class _Run:
    """The tenants that wait for their upgrade, and the workers that take one after the other."""

    def __init__(
        self,
        upgrader: Upgrader,
        chosen: Sequence[Laggard],
        found: FleetReport,
        report: Report,
        stop: asyncio.Event,
    ) -> None:
        self._upgrader = upgrader
        self._found = found
        self._report = report
        self._stop = stop
        self._waiting = deque(_Turn(laggard) for laggard in chosen)

    async def work(self) -> None:
        """Upgrade tenants until none waits. One that was busy waits again, behind all others."""
        while self._waiting:
            turn = self._waiting.popleft()
            if await self._is_stopped(until=turn.due):
                return
            outcome = await self._try(turn)
            if outcome is not None:
                self._found.outcomes.append(outcome)
                self._report(self._found)

    async def _is_stopped(self, until: float) -> bool:
        """Whether no more shall be upgraded; waits for the moment, unless that is said meanwhile."""
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await self._stop.wait()
        except TimeoutError:
            return self._stop.is_set()
        return True

    async def _try(self, turn: _Turn) -> Outcome | None:
        """What came of it; None when the tenant has to wait again."""
        turn.tries += 1
        started, error = time.monotonic(), None
        try:
            done = await self._upgrader.upgrade(turn.laggard)
        except Exception as raised:  # whatever it is, the other tenants go on
            if may_pass(raised) and turn.tries < TRIES:
                turn.spent += time.monotonic() - started
                turn.due = time.monotonic() + PAUSE_SECONDS * 2 ** (turn.tries - 1)
                self._waiting.append(turn)
                return None
            done, error = False, describe(raised)
        return Outcome(
            turn.laggard.tenant,
            turn.laggard.revision,
            "upgraded" if done else "failed" if error else "current",
            round(turn.spent + time.monotonic() - started, 3),
            turn.tries,
            error,
            turn.laggard.shard,
        )


@dataclass(slots=True)
class _Turn:
    """A tenant that waits."""

    laggard: Laggard
    tries: int = 0
    spent: float = 0.0  # seconds of the tries
    due: float = 0.0  # monotonic
