"""What the modules offer to whoever loads another system's records: what a line says, and how its record is made.

A record comes with its past: an id derived from the one it had, who made it and when. The rest is as if somebody had
sent it to the API, with the same shapes and the same rules.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from common.clock import now
from common.errors import DatabaseUnavailable, Fault, Overloaded, ServiceError
from common.ids import new_id
from common.postgresql.errors import DATABASE_ERRORS, may_retry, translate
from database import WriteUnit
from serving.visit import Visit
from shared_auth import Principal


@dataclass(frozen=True, slots=True)
class Past:
    """What a record brings along. Without it a record begins now, with a new id."""

    id: UUID
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime


def begin(past: Past | None, created_by: UUID | None = None) -> Past:
    """How a record begins: with its past, or now."""
    if past is not None:
        return past
    moment = now()
    return Past(new_id(), created_by, moment, moment)


@dataclass(slots=True)
class Line:
    """A line whose shape is right. ``faults`` grow with every check; without any its record was made."""

    number: int
    old_id: str
    payload: Any  # of the loader's shape
    past: Past
    faults: list[Fault] = field(default_factory=list)
    is_dated: bool = False  # it said when it was changed last
    is_known: bool = False  # the record was here before

    def refuse(self, pointer: str, code: str, message: str) -> None:
        """Note what is wrong; ``pointer`` (RFC 6901) leads into the line."""
        self.faults.append(Fault(pointer, code, message))


@dataclass(frozen=True, slots=True)
class Loading:
    """On whose behalf lines are loaded, and whence."""

    visit: Visit
    actor: Principal  # an owner: nothing that is loaded may hold more than he does
    contents: Path | None  # the folder of what is attached
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Loader:
    """How one kind of record is loaded."""

    name: str  # "notes": of its file, and of its part of a mapping
    table: Any
    shape: type[Any]  # of a line, without what every line has: id, created_by, created_at, updated_at
    make: Callable[[WriteUnit, Loading, Sequence[Line]], Awaitable[None]]
    references: Mapping[str, str] = field(default_factory=dict)  # fields with another line's id, and of which kind
    has_author: bool = True  # whether a line says created_by
    key: str = "id"  # the field by which lines are told apart


def one_by_one(
    make: Callable[[WriteUnit, Loading, Line], Awaitable[None]],
) -> Callable[[WriteUnit, Loading, Sequence[Line]], Awaitable[None]]:
    """Make each line's record for itself: what is wrong with one is that one's fault alone."""

    async def make_all(unit: WriteUnit, loading: Loading, lines: Sequence[Line]) -> None:
        for line in lines:
            try:
                async with unit.savepoint():
                    await make(unit, loading, line)
            except ServiceError as error:
                _refuse(line, error)
            except DATABASE_ERRORS as error:
                meaning = translate(error, loading.visit.services.constraints)
                if (
                    meaning is None
                    or isinstance(meaning, DatabaseUnavailable | Overloaded)
                    or may_retry(error, commit_sent=unit.commit_sent)
                ):
                    raise
                _refuse(line, meaning)

    return make_all


def _refuse(line: Line, error: ServiceError) -> None:
    line.refuse((error.pointer or "").removeprefix("/body"), error.reason, error.detail)
