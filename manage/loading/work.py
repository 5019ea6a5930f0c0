"""The run: batch by batch, each in a transaction of its own; what is there already stays, what is wrong is reported.

A dry run is the same in a single transaction that is never committed: what refers to an earlier line finds it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

from common.errors import Fault
from common.ids import TenantName
from database import WriteUnit
from manage.loading.reading import Read, read_row
from manage.loading.report import Reporter, Status
from manage.loading.rows import Source
from manage.output import counted_work
from serving.loading import Line, Loader, Loading
from serving.loading.queries import begin_unit, list_known
from settings import LOADERS as SETTINGS
from tools import LOADERS as RECORDS
from users import LOADERS as PEOPLE

LAST: Final = "attachments"  # they belong to records of every other kind
IN_ORDER: Final = tuple(sorted((*SETTINGS, *PEOPLE, *RECORDS), key=lambda loader: loader.name == LAST))
KINDS: Final = tuple(loader.name for loader in IN_ORDER)
TABLES: Final[Mapping[str, Any]] = {loader.name: loader.table for loader in IN_ORDER}


class _NothingMadeError(Exception):
    """Leaves a unit without committing it."""


class Run:
    """One run over a source."""

    def __init__(self, loading: Loading, source: Source, reporter: Reporter, batch: int) -> None:
        self._loading = loading
        self._source = source
        self._reporter = reporter
        self._batch = batch
        self._trial: WriteUnit | None = None  # of a dry run

    async def load(self, kinds: Sequence[str]) -> None:
        """Load these kinds, as far as the source has them, in the order in which they refer to each other."""
        wanted = [loader for loader in IN_ORDER if loader.name in kinds and self._source.place(loader.name)]
        try:
            for loader in wanted:
                await self._load_kind(loader)
        finally:
            if self._trial is not None:
                await self._trial.close()

    async def _load_kind(self, loader: Loader) -> None:
        self._reporter.begin(loader.name, self._source.place(loader.name) or "")
        tenant, seen, waiting = self._tenant, set[str](), list[Read]()
        total = await self._source.count(loader.name)
        with counted_work(loader.name) as tell:
            batch: list[Read] = []
            done = 0
            async for row in self._source.rows(loader.name):
                read = read_row(tenant, loader, row)
                _refuse_repetition(loader, read, seen)
                batch.append(read)
                if len(batch) == self._batch:
                    waiting += await self._load_batch(loader, batch)
                    done, batch = done + len(batch), []
                    tell(done, total)
            waiting += await self._load_batch(loader, batch)
            await self._load_waiting(loader, waiting)

    async def _load_waiting(self, loader: Loader, waiting: list[Read]) -> None:
        """Lines that refer to later ones of their kind: again, as long as that makes any more of them ready."""
        while waiting:
            left: list[Read] = []
            for start in range(0, len(waiting), self._batch):
                left += await self._load_batch(loader, waiting[start : start + self._batch])
            if len(left) == len(waiting):
                await self._load_batch(loader, left, last=True)
                return
            waiting = left

    async def _load_batch(self, loader: Loader, batch: Sequence[Read], *, last: bool = False) -> list[Read]:
        """Load some lines; answers those that wait for others of their kind."""
        waiting: list[Read] = []
        known: dict[UUID, Status] = {}
        try:
            async with self._unit() as unit:
                await begin_unit(unit)
                good = [read.line for read in batch if read.line is not None and not read.faults]
                known = await _find_known(unit, loader, good)
                waiting = await self._check_references(unit, loader, batch, known, last=last)
                held = {id(read) for read in waiting}
                ready = [read for read in batch if read.line is not None and not read.faults and id(read) not in held]
                lines = [read.line for read in ready if read.line is not None and read.line.past.id not in known]
                await loader.make(unit, self._loading, lines)
                if not any(not line.faults and not line.is_known for line in lines):
                    raise _NothingMadeError
        except _NothingMadeError:
            pass
        for read in batch:
            if all(read is not other for other in waiting):
                self._note(loader, read, known)
        return waiting

    async def _check_references(
        self, unit: WriteUnit, loader: Loader, batch: Sequence[Read], known: Mapping[UUID, Status], *, last: bool
    ) -> list[Read]:
        """Refuse the lines that refer to what is not there; answers those that refer to what may come yet."""
        wanted: dict[str, set[UUID]] = {}
        for reference in (reference for read in batch for reference in read.references):
            wanted.setdefault(reference.kind, set()).add(reference.id)
        there = {
            kind: await list_known(unit, TABLES[kind], ids) if kind in TABLES else {} for kind, ids in wanted.items()
        }
        waiting = []
        for read in batch:
            if read.line is None or read.line.past.id in known:
                continue
            missing = [reference for reference in read.references if reference.id not in there[reference.kind]]
            if missing and not last and all(reference.kind == loader.name for reference in missing):
                waiting.append(read)
                continue
            for one in missing:
                message = f"There is none of the {one.kind} with the id {one.old_id}."
                read.faults.append(Fault(one.pointer, "unknown_reference", message))
        return waiting

    def _note(self, loader: Loader, read: Read, known: Mapping[UUID, Status]) -> None:
        line = read.line
        faults = [*read.faults, *(line.faults if line else ())]
        here = known.get(line.past.id) if line else None
        if line is not None and line.is_known:
            here = Status.EXISTS
        new_id = line.past.id if line is not None and loader.key == "id" else None
        self._reporter.note(loader.name, read.number, read.old_id, new_id, here, faults)

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[WriteUnit]:
        if not self._loading.dry_run:
            async with self._loading.visit.write() as unit:
                yield unit
            return
        if self._trial is None:
            self._trial = self._loading.visit.write()
        yield self._trial

    @property
    def _tenant(self) -> TenantName:
        name = self._loading.visit.name
        assert name is not None
        return name


async def _find_known(unit: WriteUnit, loader: Loader, lines: Sequence[Line]) -> dict[UUID, Status]:
    """Which records are here already, and which of them have changed over there since."""
    if loader.key != "id":
        return {}
    there = await list_known(unit, loader.table, [line.past.id for line in lines])
    return {
        line.past.id: Status.OUTDATED if line.past.updated_at > there[line.past.id] and line.is_dated else Status.EXISTS
        for line in lines
        if line.past.id in there
    }


def _refuse_repetition(loader: Loader, read: Read, seen: set[str]) -> None:
    if read.old_id is None:
        return
    if read.old_id in seen:
        read.faults.append(Fault(f"/{loader.key}", "repeated", f"An earlier line has this {loader.key}."))
        read.line = None
    seen.add(read.old_id)
