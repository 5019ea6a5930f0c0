"""What became of the lines: counted by kind, written one by one into a file, and the first faults shown."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, TextIO
from uuid import UUID

from pydantic import Field

from common.errors import Fault
from shared_models import Shape

SHOWN: Final = 20  # faulty lines


class Status(StrEnum):
    """What became of a line. ``outdated``: it was loaded before and has changed over there since; here it stays."""

    CREATED = "created"
    WOULD_CREATE = "would_create"
    EXISTS = "exists"
    OUTDATED = "outdated"
    ERROR = "error"


class LineFault(Shape):
    """What is wrong with a line; ``pointer`` (RFC 6901) leads into it."""

    pointer: str
    code: str
    message: str


class LineReport(Shape):
    """A line, and what became of it."""

    kind: str
    place: str
    line: int
    old_id: str | None
    id: UUID | None
    status: Status
    errors: list[LineFault] = Field(default_factory=list)


class KindReport(Shape):
    """The lines of one kind."""

    kind: str
    place: str
    lines: int = 0
    created: int = 0
    exists: int = 0
    outdated: int = 0
    failed: int = 0


class Report(Shape):
    """A whole run. ``faults`` are the first of them."""

    dry_run: bool
    kinds: list[KindReport]
    faults: list[LineReport]


class Reporter:
    """Takes the lines as they are done with."""

    def __init__(self, file: TextIO | None, *, dry_run: bool) -> None:
        self._file = file
        self._made = Status.WOULD_CREATE if dry_run else Status.CREATED
        self._counts: dict[str, dict[Status, int]] = {}
        self._places: dict[str, str] = {}
        self._faults: list[LineReport] = []

    def begin(self, kind: str, place: str) -> None:
        """Lines of a kind are about to come."""
        self._counts[kind] = dict.fromkeys(Status, 0)
        self._places[kind] = place

    def note(  # noqa: PLR0917 - what a line is, and what became of it
        self,
        kind: str,
        line: int,
        old_id: str | None,
        new_id: UUID | None,
        known: Status | None,
        faults: Sequence[Fault],
    ) -> None:
        """A line that is done with. ``known`` says so of one that was here before."""
        status = Status.ERROR if faults else known or self._made
        errors = [LineFault(pointer=fault.pointer, code=fault.code, message=fault.message) for fault in faults]
        shown = None if faults else new_id
        report = LineReport(
            kind=kind, place=self._places[kind], line=line, old_id=old_id, id=shown, status=status, errors=errors
        )
        self._counts[kind][status] += 1
        if faults and len(self._faults) < SHOWN:
            self._faults.append(report)
        if self._file is not None:
            self._file.write(report.model_dump_json() + "\n")

    def finish(self, *, dry_run: bool) -> Report:
        """The whole."""
        kinds = [
            KindReport(
                kind=kind,
                place=self._places[kind],
                lines=sum(counts.values()),
                created=counts[self._made],
                exists=counts[Status.EXISTS],
                outdated=counts[Status.OUTDATED],
                failed=counts[Status.ERROR],
            )
            for kind, counts in self._counts.items()
        ]
        return Report(dry_run=dry_run, kinds=kinds, faults=self._faults)
