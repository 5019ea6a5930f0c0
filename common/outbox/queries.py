"""The SQL of the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, case, column, delete, exists, func, or_, select, table, update

from common.paging import AnySelect, Executes, ListQuery, Order, Slice, fetch_slice
from common.shards import HOME

_outbox = table(
    "outbox",
    *(
        column(name)
        for name in ("id", "tenant_id", "kind", "payload", "status", "attempts", "run_at", "locked_until", "last_error")
    ),
    column("created_at"),
)
_tenants = table("tenants", column("id"), column("moving_to"))
ORDER: Final = Order(fields={"run_at": _outbox.c.run_at}, identity=_outbox.c.id, default="run_at")


@dataclass(frozen=True, slots=True)
class Job:
    """One job, leased to this process. ``attempts`` counts this one too; ``shard`` is the server it was ordered on."""

    id: UUID
    tenant_id: str
    kind: str
    payload: Mapping[str, Any]
    attempts: int
    shard: str = HOME


async def lease_jobs(unit: Executes, *, limit: int, lease: timedelta, shard: str = HOME) -> list[Job]:
    """Take due jobs that nobody else has, until ``lease`` is over; a process that dies gives them back that way.

    They are looked up in a materialized CTE, which runs once. A plain ``IN (SELECT … LIMIT … SKIP LOCKED)`` may be
    planned as the inner side of a nested loop: run again for every row, it would lease the whole outbox. A tenant that
    is being moved takes its jobs along.
    """
    moment = func.clock_timestamp()  # the clock that also said when a job is due
    due = (
        select(_outbox.c.id)
        .where(
            _outbox.c.status == "pending",
            _outbox.c.run_at <= moment,
            or_(_outbox.c.locked_until.is_(None), _outbox.c.locked_until < moment),
            ~exists().where(_tenants.c.id == _outbox.c.tenant_id, _tenants.c.moving_to.is_not(None)),
        )
        .order_by(_outbox.c.run_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=_outbox)
        .cte("due")
        .prefix_with("MATERIALIZED")
    )
    taken = await unit.execute(
        update(_outbox)
        .where(_outbox.c.id.in_(select(due.c.id)))
        .values(locked_until=moment + lease, attempts=_outbox.c.attempts + 1)
        .returning(_outbox.c.id, _outbox.c.tenant_id, _outbox.c.kind, _outbox.c.payload, _outbox.c.attempts)
    )
    return [Job(row.id, row.tenant_id, row.kind, row.payload, row.attempts, shard) for row in taken]


async def finish_job(unit: Executes, job_id: UUID) -> None:
    """It is done."""
    await unit.execute(delete(_outbox).where(_outbox.c.id == job_id))


async def postpone_job(unit: Executes, job_id: UUID, run_at: datetime, error: str) -> None:
    """It failed and is tried again."""
    await unit.execute(
        update(_outbox).where(_outbox.c.id == job_id).values(run_at=run_at, locked_until=None, last_error=error[:500])
    )


async def bury_job(unit: Executes, job_id: UUID, error: str) -> None:
    """It failed too often: kept for an operator, not tried again."""
    await unit.execute(
        update(_outbox).where(_outbox.c.id == job_id).values(status="dead", locked_until=None, last_error=error[:500])
    )


async def measure_outbox(unit: Executes) -> tuple[int, int, float]:
    """How many jobs wait, how many are dead, and for how many seconds the oldest due one has been waiting."""
    pending, dead = _outbox.c.status == "pending", _outbox.c.status == "dead"
    oldest = func.min(_outbox.c.run_at).filter(pending)
    found = await unit.execute(
        select(
            func.count().filter(pending).label("waiting"),
            func.count().filter(dead).label("dead"),
            func.extract("epoch", func.now() - oldest).label("lag"),
        )
    )
    row = found.one()
    return int(row.waiting), int(row.dead), max(0.0, float(row.lag or 0))


def _shown() -> AnySelect:
    """Jobs as operators see them: never the payload, which is their tenant's."""
    leased = (_outbox.c.status == "pending") & (_outbox.c.locked_until > func.now())
    return select(
        _outbox.c.id,
        _outbox.c.tenant_id,
        _outbox.c.kind,
        case((leased, "running"), (_outbox.c.status == "pending", "waiting"), else_="dead").label("state"),
        _outbox.c.attempts,
        _outbox.c.created_at,
        _outbox.c.run_at,
        _outbox.c.last_error,
    )


async def list_jobs(
    unit: Executes, query: ListQuery, *, is_dead: bool | None, tenant_id: str | None, kind: str | None
) -> Slice:
    """A page of jobs that are dead, or not, or both."""
    statement = _shown()
    if is_dead is not None:
        statement = statement.where(_outbox.c.status == ("dead" if is_dead else "pending"))
    if tenant_id is not None:
        statement = statement.where(_outbox.c.tenant_id == tenant_id)
    if kind is not None:
        statement = statement.where(_outbox.c.kind == kind)
    return await fetch_slice(unit, statement, ORDER, query)


async def lock_job(unit: Executes, job_id: UUID) -> Row[Any] | None:
    """One job, which nobody leases until the transaction ends."""
    return (await unit.execute(_shown().where(_outbox.c.id == job_id).with_for_update())).one_or_none()


async def revive_job(unit: Executes, job_id: UUID) -> None:
    """It is due now, and has all its attempts before it."""
    values = {"status": "pending", "attempts": 0, "run_at": func.clock_timestamp(), "locked_until": None}
    await unit.execute(update(_outbox).where(_outbox.c.id == job_id).values(values))
