"""The kinds of records there are, each said once: where it lies, what it is called, and whose it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement

from common.audit import Target
from common.paging import AnySelect
from database import ReadUnit
from shared_auth import Principal
from tools.records.todos import TodoSource

Condition = ColumnElement[bool]
NextMoment = Callable[[ReadUnit, UUID, datetime], Awaitable[datetime | None]]
"""When a record that repeats takes place for the first time after a moment; None when it never does again."""


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of record. What a resource does not say is what all of them do."""

    name: str  # "note": in the audit log, in timelines, and as an attachment's parent
    permission: str  # "notes": of notes:read, notes:create …
    table: Any
    links: Any  # the table of its references to other services
    title: str  # the column by which people know one
    text: str  # the column that the rest of it is told in
    columns: tuple[str, ...]  # what it has beside what all have
    people: tuple[str, ...] = ("created_by",)  # columns with the users whose own it is
    teams: tuple[str, ...] = ()  # columns with the teams whose it is
    derived: tuple[ColumnElement[Any], ...] = ()  # what its shape shows that is found out by reading: labelled
    searched: tuple[str, ...] = ()  # what a list's ``q`` looks through; title and text where nothing is named
    hidden: Callable[[Principal], Condition] | None = None  # what nobody else sees, whatever the level
    shared: Callable[[Principal, str], Condition] | None = None  # who else may do an action to it
    reach: Callable[[Principal, str], Condition] | None = None  # instead of all of the above
    related: Callable[[str, str], list[AnySelect]] | None = None  # ids of those about an object otherwise than by links
    todos: TodoSource | None = None  # of kinds that are something to do: how calendars show them
    next_moment: NextMoment | None = None  # of kinds that repeat: what their reminders go on with
    days: tuple[str, str] | None = None  # columns: whether it is about whole days, and in which time zone these are

    def needs(self, action: str) -> str:
        """The permission for an action."""
        return f"{self.permission}:{action}"

    def target(self, record_id: object, title: str | None) -> Target:
        """A record as the audit log names it."""
        return Target(self.name, str(record_id), title[:255] if title else title)


KINDS: Final[dict[str, Kind]] = {}
"""Every kind by its name, for what looks at all of them. Filled by ``tools.endpoints``, the one list of what there is,
so that a resource taken out there is missed by nobody."""
