"""The SQL of exports: PostgreSQL writes the file's text, so that Python only moves bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, literal, select

from common.paging import AnySelect
from common.postgresql.execution import Sink
from common.spreadsheets import FORMULA_STARTS
from database import ExportUnit
from settings.audit.queries import MOMENT
from settings.models import AuditLog

Conditions = Sequence[ColumnElement[bool]]

# A row of JSON is one value without control characters, which JSON escapes. With two of them as quote and delimiter,
# CSV, unlike COPY's own text format, leaves every byte of it as it is.
AS_THEY_ARE: Final[dict[str, str | bool]] = {"format": "csv", "quote": "\x01", "delimiter": "\x02"}
AS_TABLE: Final[dict[str, str | bool]] = {"format": "csv", "header": True}


async def count_entries(unit: ExportUnit, conditions: Conditions) -> int:
    """How many entries an export has."""
    return int((await unit.execute(select(func.count()).select_from(AuditLog).where(*conditions))).scalar_one())


async def copy_json(unit: ExportUnit, conditions: Conditions, sink: Sink) -> int:
    """Write entries oldest first, each as a JSON object in a line of its own; answers how many."""
    return await unit.copy(select_json(conditions), sink, **AS_THEY_ARE)


def select_json(conditions: Conditions) -> AnySelect:
    """Entries oldest first, each as a JSON object of the API's shape."""
    entry = (
        select(
            AuditLog.id,
            AuditLog.seq,
            _moment(AuditLog.occurred_at).label("occurred_at"),
            AuditLog.action,
            _named(AuditLog.actor_type, AuditLog.actor_id, AuditLog.actor_name).label("actor"),
            _named(AuditLog.target_type, AuditLog.target_id, AuditLog.target_name).label("target"),
            AuditLog.changes,
            AuditLog.outcome,
            AuditLog.ip_address,
            AuditLog.user_agent,
            AuditLog.request_id,
            AuditLog.session_id,
            _hex(AuditLog.prev_hash).label("prev_hash"),
            _hex(AuditLog.hash).label("hash"),
        )
        .where(*conditions)
        .subquery("entry")
    )
    return select(func.row_to_json(entry.table_valued())).order_by(entry.c.seq)


async def copy_csv(unit: ExportUnit, conditions: Conditions, sink: Sink) -> int:
    """Write entries oldest first, as a table with a header; answers how many. Cells that a spreadsheet could take for
    a formula are defused."""
    statement = (
        select(
            AuditLog.seq,
            AuditLog.id,
            _moment(AuditLog.occurred_at).label("occurred_at"),
            _defused(AuditLog.action),
            AuditLog.actor_type,
            AuditLog.actor_id,
            _defused(AuditLog.actor_name),
            _defused(AuditLog.target_type),
            _defused(AuditLog.target_id),
            _defused(AuditLog.target_name),
            AuditLog.changes,
            AuditLog.outcome,
            _defused(AuditLog.ip_address),
            _defused(AuditLog.user_agent),
            _defused(AuditLog.request_id),
            AuditLog.session_id,
            _hex(AuditLog.prev_hash).label("prev_hash"),
            _hex(AuditLog.hash).label("hash"),
        )
        .where(*conditions)
        .order_by(AuditLog.seq)
    )
    return await unit.copy(statement, sink, **AS_TABLE)


def _moment(column: Any) -> ColumnElement[str]:
    return func.to_char(func.timezone("UTC", column), MOMENT)


def _hex(column: Any) -> ColumnElement[str]:
    return func.encode(column, "hex")


def _named(kind: Any, identity: Any, name: Any) -> ColumnElement[Any]:
    return func.json_build_object("type", kind, "id", identity, "name", name)


def _defused(column: Any) -> ColumnElement[str]:
    """``common.spreadsheets.defuse`` in SQL."""
    first = func.left(func.ltrim(column, "'"), 1)
    return case((first.in_(FORMULA_STARTS), literal("'").concat(column)), else_=column).label(column.name)
