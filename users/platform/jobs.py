"""The jobs that wait or have failed for good, as the platform's operators see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row

from common.audit import Change, Target
from common.errors import Conflict, NotFound
from common.ids import TenantName
from common.outbox import queries
from common.paging import ListQuery
from database import SystemUnit
from serving.visit import Visit
from shared_models import Page, Shape, Timestamp, page_of


class Job(Shape):
    """A job that a tenant's transaction has ordered. What it is about stays between the tenant and the worker."""

    id: UUID
    tenant_id: str
    kind: str
    state: Literal["waiting", "running", "dead"]
    attempts: int
    created_at: Timestamp
    run_at: Timestamp
    last_error: str | None


async def list_jobs(
    visit: Visit, query: ListQuery, *, shard: str, is_dead: bool | None, tenant: TenantName | None, kind: str | None
) -> Page[Job]:
    """A page of one server's jobs, those first that are, or were, due first."""
    tenant_id = tenant.tenant_id if tenant else None
    async with visit.services.database.system_of(shard) as unit:
        found = await queries.list_jobs(unit, query, is_dead=is_dead, tenant_id=tenant_id, kind=kind)
    return page_of(Job, found)


async def retry_job(visit: Visit, job_id: UUID) -> Job:
    """Have a job done at once, with all its attempts before it. Raises NotFound, or Conflict while it is being done."""
    async with _locked(visit, job_id) as (home, unit, before):
        await queries.revive_job(unit, job_id)
        _audit(home, "retried", before, Change("state", before.state, "waiting"))
        after = await queries.lock_job(unit, job_id)
    return Job.model_validate(after)


async def drop_job(visit: Visit, job_id: UUID) -> Job:
    """Take a job away; answers what it was. Raises NotFound, or Conflict while it is being done."""
    async with _locked(visit, job_id) as (home, unit, before):
        await queries.finish_job(unit, job_id)
        _audit(home, "dropped", before, Change("state", before.state, None))
    return Job.model_validate(before)


@asynccontextmanager
async def _locked(visit: Visit, job_id: UUID) -> AsyncIterator[tuple[SystemUnit, SystemUnit, Row[Any]]]:
    """The job, in the unit of the server that has it, which commits before the home's: that has the platform's log."""
    async with visit.system(read_only=False) as home:
        row = await queries.lock_job(home, job_id)
        if row is not None:
            yield home, home, _idle(row)
            return
        for shard in visit.services.config.shards:
            async with visit.services.database.system_bookkeeping(shard) as unit:
                row = await queries.lock_job(unit, job_id)
                if row is not None:
                    yield home, unit, _idle(row)
                    return
        raise NotFound(f"There is no job {job_id}; what is done is gone.")


def _idle(row: Row[Any]) -> Row[Any]:
    if row.state == "running":
        raise Conflict(f"The job {row.id} is being done now. Try again in two minutes.")
    return row


def _audit(unit: SystemUnit, verb: str, job: Row[Any], change: Change) -> None:
    target = Target("job", str(job.id), job.kind)
    unit.audit(f"platform.job.{verb}", target=target, changes=[change], tenant=TenantName.parse(job.tenant_id))
