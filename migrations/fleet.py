"""Upgrading every tenant: only those behind, some at once, each in a transaction of its own. One's failure
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
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from common.config import Config
from common.errors import TenantNotFound
from migrations.bootstrap import prepare_database
from migrations.errors import DatabaseProblem, DatabaseUnreachable
from migrations.seed import digest
from migrations.tenant import expected_revision
from migrations.upgrading import BEHIND, Laggard, Outcome, Upgrader, describe, may_pass

DEFAULT_WORKERS: Final = min(4, 2 * (os.cpu_count() or 1))  # more only take turns at PostgreSQL's catalogue and disk
TRIES: Final = 5
PAUSE_SECONDS: Final = 1.0  # before the second try; twice as long before each further one

_FLEET: Final = (
    "SELECT count(*), coalesce(bool_or(id = :tenant), false), "
    "coalesce(json_agg(json_build_array(id, schema_name, role_name, revision) ORDER BY id) "
    f"FILTER (WHERE {BEHIND}), '[]') FROM system.tenants"
)


@dataclass(slots=True)
class FleetReport:
    """What an upgrade of the fleet does: whom it found behind, whom of them it takes, and what came of it so far."""

    total: int
    behind: Sequence[Laggard]
    chosen: Sequence[Laggard]
    outcomes: list[Outcome] = field(default_factory=list)

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


async def migrate_everything(
    config: Config,
    report: Report,
    *,
    choice: Choice = EVERYBODY,
    workers: int = DEFAULT_WORKERS,
    stop: asyncio.Event | None = None,
) -> FleetReport:
    """Prepare the database, then upgrade the chosen tenants that are behind; once ``stop`` is set, only those in hand.
    Raises DatabaseProblem for the database's faults, or TenantNotFound; a tenant's faults are in the report."""
    await prepare_database(config)
    engine = _engine(config, workers)
    try:
        found = await _look(engine, choice)
        run = _Run(Upgrader(engine), found, report, stop or asyncio.Event())
        async with asyncio.TaskGroup() as group:
            for _ in range(min(workers, len(found.chosen))):
                group.create_task(run.work())
    finally:
        await engine.dispose()
    return found


async def plan_everything(config: Config, choice: Choice = EVERYBODY) -> tuple[FleetReport, dict[str, str | None]]:
    """Who would be upgraded, and by which SQL, by the revision that they are at; None where Alembic does it tenant by
    tenant. Changes nothing. Raises DatabaseProblem or TenantNotFound."""
    engine = _engine(config, 1)
    try:
        found = await _look(engine, choice)
    finally:
        await engine.dispose()
    revisions = sorted({laggard.revision for laggard in found.chosen})
    return found, {revision: (await Upgrader(engine).plan(revision)).sql for revision in revisions}


class _Run:
    """The tenants that wait for their upgrade, and the workers that take one after the other."""

    def __init__(self, upgrader: Upgrader, found: FleetReport, report: Report, stop: asyncio.Event) -> None:
        self._upgrader = upgrader
        self._found = found
        self._report = report
        self._stop = stop
        self._waiting = deque(_Turn(laggard) for laggard in found.chosen)

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
        )


@dataclass(slots=True)
class _Turn:
    """A tenant that waits."""

    laggard: Laggard
    tries: int = 0
    spent: float = 0.0  # seconds of the tries
    due: float = 0.0  # monotonic


def _engine(config: Config, workers: int) -> AsyncEngine:
    """As the owner, with a connection for each worker, which is kept."""
    return create_async_engine(
        config.owner_url,
        pool_size=workers,
        max_overflow=0,
        connect_args={"timeout": config.database_connect_timeout},
    )


async def _look(engine: AsyncEngine, choice: Choice) -> FleetReport:
    """Who is behind. Raises DatabaseProblem or TenantNotFound."""
    newest = {"revision": expected_revision(), "digest": digest(), "tenant": choice.tenant}
    try:
        async with engine.connect() as connection:
            total, is_known, rows = (await connection.execute(text(_FLEET), newest)).one()
    except DBAPIError as error:
        raise DatabaseProblem(f"The registry of tenants cannot be read: {describe(error)}.") from error
    except (OSError, TimeoutError) as error:
        raise DatabaseUnreachable(f"The database does not answer: {error or type(error).__name__}.") from error
    if choice.tenant is not None and not is_known:
        raise TenantNotFound
    behind = [Laggard(*row) for row in rows]
    return FleetReport(total, behind, choice.among(behind))
