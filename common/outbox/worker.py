"""The worker that does the outbox's jobs, in every process."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Tracer, get_current_span

from common.clock import now
from common.ids import TenantName
from common.observability.tracing import mark_failed, span_of, trace_ids
from common.outbox.queries import Job, bury_job, finish_job, lease_jobs, postpone_job
from common.paging import Executes
from common.shards import HOME

BATCH: Final = 10
LEASE: Final = timedelta(minutes=2)  # longer than any handler may take
HANDLER_SECONDS: Final = 60.0
POLL_SECONDS: Final = 2.0  # how late a job may be whose notification was missed
MAX_ATTEMPTS: Final = 12  # with the waits below, some ten hours
FIRST_WAIT: Final = 5.0  # seconds; doubles with every attempt
LONGEST_WAIT: Final = 3600.0

Handler = Callable[[Job], Awaitable[None]]
OpenUnit = Callable[[], AbstractAsyncContextManager[Executes]]

log = structlog.get_logger("outbox")


class OutboxWorker:
    """Leases the jobs of one server and does them one after another. What a handler raises is a failed attempt."""

    def __init__(
        self, open_unit: OpenUnit, handlers: Mapping[str, Handler], shard: str = HOME, tracer: Tracer | None = None
    ) -> None:
        self._open_unit = open_unit
        self._handlers = handlers
        self._shard = shard
        self._tracer = tracer
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Work, for ever. The database being away is waited out."""
        while True:
            self.wake.clear()
            try:
                worked = await self.run_once()
            except Exception as error:
                log.warning("outbox_round_failed", reason=type(error).__name__)
                worked = 0
            if worked < BATCH:
                await self._rest()

    async def run_once(self) -> int:
        """Do up to a batch of due jobs; answers how many. Each is leased when its turn has come: leased together, the
        last would lose their leases while a slow server keeps the first waiting, and be done twice."""
        for done in range(BATCH):
            async with self._open_unit() as unit:
                jobs = await lease_jobs(unit, limit=1, lease=LEASE, shard=self._shard)
            if not jobs:
                return done
            with self._span(jobs[0]):
                await self._do(jobs[0])
        return BATCH

    def _span(self, job: Job) -> AbstractContextManager[None]:
        """A trace of its own: whoever ordered the job has had his answer long ago."""
        if self._tracer is None:
            return nullcontext()
        attributes: dict[str, str | int] = {"job.id": str(job.id), "job.kind": job.kind, "job.attempts": job.attempts}
        name = TenantName.parse(job.tenant_id)
        if name is not None:
            attributes["tenant.id"] = name.schema  # as requests have it
        return span_of(self._tracer, f"job {job.kind}", SpanKind.CONSUMER, attributes, Context())

    async def _do(self, job: Job) -> None:
        try:
            async with asyncio.timeout(HANDLER_SECONDS):
                await self._handlers[job.kind](job)
        except Exception as error:
            await self._failed(job, error)
        else:
            async with self._open_unit() as unit:
                await finish_job(unit, job.id)
            ids = trace_ids(get_current_span())
            log.info("job_done", kind=job.kind, tenant=job.tenant_id, attempts=job.attempts, **ids)

    async def _failed(self, job: Job, error: Exception) -> None:
        reason, told = f"{type(error).__name__}: {error}", trace_ids(get_current_span())
        log.warning(
            "job_failed", kind=job.kind, tenant=job.tenant_id, attempts=job.attempts, reason=reason[:200], **told
        )
        mark_failed(get_current_span(), error)
        async with self._open_unit() as unit:
            if job.attempts >= MAX_ATTEMPTS:
                await bury_job(unit, job.id, reason)
            else:
                await postpone_job(unit, job.id, now() + wait_after(job.attempts), reason)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self.wake.wait()
        except TimeoutError:
            pass


def wait_after(attempts: int) -> timedelta:
    """How long to wait after that many attempts: doubling, with some chance so that failures do not march in step."""
    seconds = min(FIRST_WAIT * 2 ** (attempts - 1), LONGEST_WAIT)
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 - no secret depends on it
