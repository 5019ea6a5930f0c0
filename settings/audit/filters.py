"""Which entries of the audit log are wanted: for the list and for the export.

Every filter has an index. Times run with the numbers, so a span of time is a span of numbers. Text is searched from the
newest entry on.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement

from common.enums import ActorType, AuditOutcome
from common.paging import contains
from settings.audit.queries import constant, logs, of_any_type, seq_before, seq_from
from settings.audit.schemas import exact

SEARCHED: Final = ("action", "actor_name", "target_name", "target_id")


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """What entries must have; None is anything. ``action`` may end in ``*``; ``since`` is the parameter ``from``."""

    action: str | None = None
    actor_id: UUID | None = None
    actor_type: ActorType | None = None
    target_type: str | None = None
    target_id: str | None = None
    outcome: AuditOutcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    request_id: str | None = None
    q: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on ``audit_logs``."""
        plain = {"actor_id": self.actor_id, "target_type": self.target_type, "request_id": self.request_id}
        wanted = [logs.c[name] == value for name, value in plain.items() if value is not None]
        fixed = {"actor_type": self.actor_type, "outcome": self.outcome}
        wanted += [constant(logs.c[name], value.value) for name, value in fixed.items() if value is not None]
        if self.action is not None:
            wanted += _matches(logs.c.action, self.action)
        if self.target_id is not None:
            wanted.append(logs.c.target_id == self.target_id)
            wanted += [of_any_type()] if self.target_type is None else []
        if self.since is not None:
            wanted.append(seq_from(self.since))
        if self.until is not None:
            wanted.append(seq_before(self.until))
        if self.q:
            wanted.append(contains(self.q, *(logs.c[name] for name in SEARCHED)))
        return wanted

    def as_given(self) -> dict[str, str]:
        """Those that were asked for, by the names of their parameters."""
        given: dict[str, Any] = {
            "action": self.action,
            "actor_id": self.actor_id,
            "actor_type": self.actor_type,
            "target_type": self.target_type,
            "target_id": self.target_id,
            "outcome": self.outcome,
            "from": exact(self.since) if self.since else None,
            "to": exact(self.until) if self.until else None,
            "request_id": self.request_id,
            "q": self.q or None,
        }
        return {name: str(value) for name, value in given.items() if value is not None}


def _matches(column: ColumnElement[str], wanted: str) -> list[ColumnElement[bool]]:
    """Equality, or what begins so: said as a span in the order of the index, because PostgreSQL cannot use the index
    for LIKE with a parameter."""
    if not wanted.endswith("*"):
        return [column == wanted]
    prefix = wanted[:-1]
    if not prefix:
        return []
    beyond = _next(prefix)
    return [column.op("~>=~")(prefix), *([column.op("~<~")(beyond)] if beyond else [])]


def _next(prefix: str) -> str | None:
    """The first text, in the order of bytes, behind all that begin so."""
    code = ord(prefix[-1]) + 1
    code = 0xE000 if 0xD800 <= code < 0xE000 else code  # surrogates are no characters
    return prefix[:-1] + chr(code) if code <= sys.maxunicode else None
