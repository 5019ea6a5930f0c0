"""Exporting the audit log: one snapshot, streamed by COPY, noted in the log before anything leaves.

The entry that tells of an export is not in that export: the snapshot is taken first, the entry is written by a
transaction of its own, and only then the first byte is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from common.audit import Change, Target
from common.clock import now
from common.http.streaming import CutShortError
from common.observability.counts import EXPORTS
from common.postgresql.errors import DATABASE_ERRORS, translate
from common.postgresql.execution import Sink
from common.seals import Seals
from database import ExportUnit, Tenant
from serving.visit import Visit
from settings.audit.export import queries
from settings.audit.export.layout import Array, Lines, Pieces
from settings.audit.export.proof import read_proof
from settings.audit.export.schemas import AuditExportFormat
from settings.audit.filters import AuditFilters
from settings.audit.signing import seal_export
from shared_models import Shape

log = structlog.get_logger("audit")

Progress = Callable[[int, int], None]
"""Hears how many entries of how many are written."""


Count = Callable[[bytes], None] | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export, and how to write it."""

    format: AuditExportFormat
    filters: AuditFilters


@dataclass(frozen=True, slots=True)
class Source:
    """Where an export comes from, and what signs it."""

    unit: ExportUnit
    seals: Seals
    tenant: Tenant


async def export_log(visit: Visit, wanted: Wanted, sink: Sink, progress: Progress | None = None) -> int:
    """Write the visited tenant's log into ``sink``; answers how many entries. Raises Overloaded when too many exports
    run already, CutShortError when something fails after the first byte."""
    started = False

    async def take(data: bytes) -> None:
        nonlocal started
        started = True
        await sink(data)

    try:
        with EXPORTS.track_inprogress():
            return await _export(visit, wanted, take, progress)
    except DATABASE_ERRORS as error:
        if started:
            log.warning("audit_export_cut_short", reason=type(error).__name__)
            raise CutShortError from error
        meaning = translate(error, visit.services.constraints)
        if meaning is None:
            raise
        raise meaning from error


async def _export(visit: Visit, wanted: Wanted, sink: Sink, progress: Progress | None) -> int:
    assert visit.tenant is not None
    config = visit.services.config
    async with (
        _patience(config.export_stall_seconds, config.export_seconds) as goes_on,
        visit.services.database.export(visit.tenant) as unit,
    ):
        pieces = Pieces(sink)

        async def write(data: bytes) -> None:
            goes_on()  # something came
            await pieces.add(data)
            goes_on()  # and was taken

        await unit.begin()
        await _note(visit, wanted)
        count = await _counter(unit, wanted, progress)
        if wanted.format is AuditExportFormat.CSV:
            entries = await queries.copy_csv(unit, wanted.filters.conditions(), _counting(write, count))
        else:
            source = Source(unit, visit.services.audit_seals, visit.tenant)
            entries = await _write_proving(source, wanted, write, count)
        await pieces.flush()
        return entries


async def _note(visit: Visit, wanted: Wanted) -> None:
    given = wanted.filters.as_given()
    changes = [Change("format", None, wanted.format.value), Change("filters", None, given)]
    async with visit.write() as unit:
        unit.audit("settings.audit.exported", target=Target("audit_logs", wanted.format.value), changes=changes)


async def _write_proving(source: Source, wanted: Wanted, write: Sink, count: Count) -> int:
    """Entries as JSON, and behind them what proves them."""
    given, tenant = wanted.filters.as_given(), source.tenant.name.schema
    layout = (Array if wanted.format is AuditExportFormat.JSON else Lines)(write, sealed=bool(given))
    proof: dict[str, Shape | None] = {"tombstone": None, "checkpoint": None, "seal": None}
    if not given:
        proof["tombstone"], proof["checkpoint"] = await read_proof(source.unit, source.seals, tenant)
    entries = await queries.copy_json(source.unit, wanted.filters.conditions(), _counting(layout.add, count))
    await layout.finish()
    if given:
        proof["seal"] = seal_export(source.seals, tenant, entries, filters=given, sha256=layout.sha256, moment=now())
    signed = {name: one and one.model_dump(mode="json") for name, one in proof.items()}
    await layout.write_end({"tenant": tenant, "entries": entries, "filters": given, **signed})
    return entries


async def _counter(unit: ExportUnit, wanted: Wanted, progress: Progress | None) -> Count:
    """Counts rows for whoever wants to see them; for nobody, which costs nothing."""
    if progress is None:
        return None
    total = await queries.count_entries(unit, wanted.filters.conditions())
    done = 0

    def count(data: bytes) -> None:
        nonlocal done
        done += data.count(b"\n")
        progress(done, total)

    return count


def _counting(sink: Sink, count: Count) -> Sink:
    if count is None:
        return sink

    async def take(data: bytes) -> None:
        count(data)
        await sink(data)

    return take


@asynccontextmanager
async def _patience(stall: float, most: float) -> AsyncIterator[Callable[[], None]]:
    """Ends with TimeoutError what stands still for too long or takes too long in all. Says how to tell it of progress:
    a client that stops reading, and a server that stops sending, would otherwise keep a connection for ever."""
    clock = asyncio.get_running_loop().time
    end = clock() + most
    async with asyncio.timeout(stall) as limit:
        yield lambda: limit.reschedule(min(clock() + stall, end))
