"""The SQL of the audit log. What verification needs runs in any schema that holds such a log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Text, and_, cast, func, literal_column, or_, select
from sqlalchemy import any_ as any_of
from sqlalchemy.dialects.postgresql import insert

from common.paging import AnySelect, Executes, ListQuery, Order, Slice, fetch_slice
from database import ReadUnit
from settings.models import AuditChain, AuditCheckpoint, AuditLog, AuditTombstone

logs: Any = AuditLog.__table__
MOMENT: Final = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
ORDER: Final = Order(fields={"seq": logs.c.seq}, identity=logs.c.seq, default="-seq")
HASHED: Final = (
    "seq", "id", "occurred_at", "action", "actor_type", "actor_id", "actor_name", "target_type", "target_id",
    "target_name", "changes", "outcome", "ip_address", "user_agent", "request_id", "session_id",
)  # fmt: skip
UUIDS: Final = {"id", "actor_id", "session_id"}
_QUOTE: Final = literal_column("'\"'", Text)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a stretch of the chain was found to be: the hash that its first entry names, that of its last one, and the
    first entry that is not right by itself or beside the one before it."""

    size: int
    first_seq: int
    last_seq: int
    prev_hash: bytes
    last_hash: bytes
    bad: int | None

    def first_bad_after(self, last_hash: bytes) -> int | None:
        """The first entry that is not right, where the one before them all has this hash."""
        return self.bad if not self.size or self.prev_hash == last_hash else self.first_seq


def _select_entries() -> AnySelect:
    return select(
        AuditLog.id,
        AuditLog.seq,
        AuditLog.occurred_at,
        AuditLog.action,
        AuditLog.actor_type,
        AuditLog.actor_id,
        AuditLog.actor_name,
        AuditLog.target_type,
        AuditLog.target_id,
        AuditLog.target_name,
        AuditLog.changes,
        AuditLog.outcome,
        AuditLog.ip_address,
        AuditLog.user_agent,
        AuditLog.request_id,
        AuditLog.session_id,
        AuditLog.prev_hash,
        AuditLog.hash,
    )


async def list_entries(unit: ReadUnit, query: ListQuery, conditions: Sequence[ColumnElement[bool]]) -> Slice:
    """A page of entries."""
    return await fetch_slice(unit, _select_entries().where(*conditions), ORDER, query)


async def find_entry(unit: ReadUnit, entry_id: UUID) -> Row[Any] | None:
    """One entry."""
    return (await unit.execute(_select_entries().where(AuditLog.id == entry_id))).one_or_none()


async def has_entries_before(unit: ReadUnit, moment: datetime) -> bool:
    """Whether there is anything from before that time."""
    older = select(AuditLog.seq).where(AuditLog.occurred_at < moment)
    return bool((await unit.execute(select(older.exists()))).scalar_one())


# -- Filters ----------------------------------------------------------------------------------------------------------


def seq_from(moment: datetime) -> ColumnElement[bool]:
    """Entries of that time or later. Times run with the numbers, so one look into the index of times is enough."""
    first = select(AuditLog.seq).where(AuditLog.occurred_at >= moment).order_by(AuditLog.occurred_at).limit(1)
    condition: ColumnElement[bool] = logs.c.seq >= first.scalar_subquery()
    return condition


def seq_before(moment: datetime) -> ColumnElement[bool]:
    """Entries from before that time."""
    last = select(AuditLog.seq).where(AuditLog.occurred_at < moment).order_by(AuditLog.occurred_at.desc()).limit(1)
    condition: ColumnElement[bool] = logs.c.seq <= last.scalar_subquery()
    return condition


def of_any_type() -> ColumnElement[bool]:
    """No limit to the type, said so that an index which begins with the type can be used: the types are few, and are
    found by jumping from one to the next."""
    first = select(func.min(AuditLog.target_type).label("kind")).cte("kinds", recursive=True)
    following = select(func.min(AuditLog.target_type)).where(AuditLog.target_type > first.c.kind).scalar_subquery()
    kinds = first.union_all(select(following).where(first.c.kind.is_not(None)))
    known = func.array(select(kinds.c.kind).where(kinds.c.kind.is_not(None)).scalar_subquery())
    condition: ColumnElement[bool] = logs.c.target_type == any_of(known)
    return condition


def constant(column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    """Equality with a value of an enumeration, written into the text: a parameter could not prove that an index on
    only those rows is enough."""
    assert value.isidentifier()
    return column == literal_column(f"'{value}'")


# -- The chain --------------------------------------------------------------------------------------------------------


async def get_ends(unit: Executes) -> Row[Any]:
    """What the head says, and what the table has: one statement, so nothing can be appended in between."""
    newest = select(AuditLog.hash).order_by(AuditLog.seq.desc()).limit(1).scalar_subquery()
    statement = select(
        AuditChain.seq.label("head_seq"),
        AuditChain.hash.label("head_hash"),
        select(func.coalesce(func.min(AuditLog.seq), 0)).scalar_subquery().label("first_seq"),
        select(func.coalesce(func.max(AuditLog.seq), 0)).scalar_subquery().label("last_seq"),
        newest.label("last_hash"),
    ).where(AuditChain.id == 1)
    return (await unit.execute(statement)).one()


async def find_hash(unit: Executes, seq: int) -> bytes | None:
    """The hash of the entry with that number."""
    return (await unit.execute(select(AuditLog.hash).where(AuditLog.seq == seq))).scalar_one_or_none()


async def check_stretch(unit: Executes, after: int, through: int, more: Sequence[str] = ()) -> Stretch:
    """Recompute the entries behind number ``after``. Those that are right are read and forgotten in the database;
    nothing but the outcome comes back. ``more`` are columns that only this log hashes."""
    found = (
        select(AuditLog.seq, AuditLog.hash, AuditLog.prev_hash, _computed(more).label("computed"))
        .where(AuditLog.seq > after, AuditLog.seq <= through)
        .order_by(AuditLog.seq)
        .subquery()
    )
    link = select(
        *found.c,
        func.coalesce(func.lag(found.c.hash).over(order_by=found.c.seq), found.c.prev_hash).label("before"),
        func.coalesce(func.lag(found.c.seq).over(order_by=found.c.seq), after).label("seq_before"),
    ).subquery()
    is_bad = or_(link.c.computed != link.c.hash, link.c.prev_hash != link.c.before, link.c.seq != link.c.seq_before + 1)
    statement = select(func.count(), func.min(link.c.seq), func.max(link.c.seq), func.min(link.c.seq).filter(is_bad))
    size, first_seq, last_seq, bad = tuple((await unit.execute(statement)).one())
    if not size:
        return Stretch(0, after, after, b"", b"", None)
    first, last = (
        select(column).where(AuditLog.seq == seq).scalar_subquery()
        for column, seq in ((AuditLog.prev_hash, first_seq), (AuditLog.hash, last_seq))
    )
    prev_hash, last_hash = tuple((await unit.execute(select(first, last))).one())
    return Stretch(size, first_seq, last_seq, prev_hash, last_hash, bad)


def _computed(more: Sequence[str]) -> ColumnElement[bytes]:
    """The hash that a row must have. The text is that of ``audit_canonical``, which the service's roles may not call
    and whoever owns the schema could have replaced; put together here, because ``jsonb`` would take as long again."""
    occurred_at = func.to_char(func.timezone("UTC", AuditLog.occurred_at), literal_column(f"'{MOMENT}'"))
    written = {
        "seq": logs.c.seq,
        "occurred_at": func.concat(_QUOTE, occurred_at, _QUOTE),
        "changes": cast(AuditLog.changes, Text),
        "prev_hash": func.concat(_QUOTE, func.encode(AuditLog.prev_hash, "hex"), _QUOTE),
    }
    texts = [*HASHED, *more]
    written |= {name: func.coalesce(_as_json(name), literal_column("'null'")) for name in texts if name not in written}
    parts: list[ColumnElement[Any]] = []
    for name in sorted(written, key=lambda name: (len(name), name)):
        parts += [literal_column(f"'{', ' if parts else '{'}\"{name}\": '"), written[name]]
    return func.sha256(func.convert_to(func.concat(*parts, literal_column("'}'")), "UTF8"))


def _as_json(name: str) -> ColumnElement[Any]:
    """A column's text as a JSON string; NULL stays NULL."""
    if name in UUIDS:
        return _QUOTE + cast(logs.c[name], Text) + _QUOTE
    return cast(func.to_json(literal_column(name)), Text)


async def get_columns(unit: Executes, seq: int, more: Sequence[str] = ()) -> Row[Any]:
    """An entry with its JSON as text, digit for digit."""
    columns = [cast(logs.c[name], Text).label(name) if name == "changes" else logs.c[name] for name in HASHED]
    extra: list[ColumnElement[Any]] = [literal_column(name).label(name) for name in more]
    statement = select(*columns, *extra, AuditLog.prev_hash, AuditLog.hash).where(AuditLog.seq == seq)
    return (await unit.execute(statement)).one()


async def find_successor(unit: Executes, entry_hash: bytes, *, other_than: int) -> int | None:
    """The number of another entry that names this hash as its predecessor's."""
    statement = select(AuditLog.seq).where(AuditLog.prev_hash == entry_hash, AuditLog.seq != other_than)
    return (await unit.execute(statement)).scalars().first()


async def find_holder(unit: Executes, entry_hash: bytes) -> int | None:
    """The number of the entry that has this hash. Reads the whole table: for what is broken already."""
    return (await unit.execute(select(AuditLog.seq).where(AuditLog.hash == entry_hash))).scalars().first()


# -- Checkpoints and tombstones ---------------------------------------------------------------------------------------


async def list_checkpoints(unit: Executes, after: tuple[int, str], limit: int) -> list[Row[Any]]:
    """Checkpoints by size, each with the hash that the log has at its size."""
    statement = (
        select(
            AuditCheckpoint.size,
            AuditCheckpoint.head_hash,
            AuditCheckpoint.taken_at,
            AuditCheckpoint.key_id,
            AuditCheckpoint.signature,
            AuditLog.hash.label("stored_hash"),
        )
        .join(AuditLog, AuditLog.seq == AuditCheckpoint.size, isouter=True)
        .where(
            or_(
                AuditCheckpoint.size > after[0],
                and_(AuditCheckpoint.size == after[0], AuditCheckpoint.key_id > after[1]),
            )
        )
        .order_by(AuditCheckpoint.size, AuditCheckpoint.key_id)
        .limit(limit)
    )
    return list((await unit.execute(statement)).all())


async def find_newest_checkpoint(unit: Executes, key_id: str) -> Row[Any] | None:
    """The largest one signed with a key."""
    statement = (
        select(
            AuditCheckpoint.size,
            AuditCheckpoint.head_hash,
            AuditCheckpoint.taken_at,
            AuditCheckpoint.key_id,
            AuditCheckpoint.signature,
        )
        .where(AuditCheckpoint.key_id == key_id)
        .order_by(AuditCheckpoint.size.desc())
        .limit(1)
    )
    return (await unit.execute(statement)).one_or_none()


async def insert_checkpoint(
    unit: Executes, *, size: int, head_hash: bytes, taken_at: datetime, key_id: str, signature: bytes
) -> None:
    """Keep a checkpoint, unless there is one of this size and key."""
    values = {"size": size, "head_hash": head_hash, "taken_at": taken_at, "key_id": key_id, "signature": signature}
    await unit.execute(insert(AuditCheckpoint).values(values).on_conflict_do_nothing())


async def list_tombstones(unit: ReadUnit, limit: int) -> list[Row[Any]]:
    """Tombstones, the newest first."""
    statement = select(
        AuditTombstone.through_seq,
        AuditTombstone.hash,
        AuditTombstone.removed_at,
        AuditTombstone.key_id,
        AuditTombstone.signature,
    )
    ordered = statement.order_by(AuditTombstone.through_seq.desc(), AuditTombstone.key_id).limit(limit)
    return list((await unit.execute(ordered)).all())
