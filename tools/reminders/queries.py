"""The SQL of reminders."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Row,
    Uuid,
    and_,
    bindparam,
    case,
    column,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import TypeEngine

from common.enums import ReminderStatus
from common.ids import new_id
from common.paging import AnySelect, ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from tools.models import Reminder
from tools.records.kinds import KINDS, Condition, Kind
from tools.records.queries import between, exactly, is_living, reach
from users import User

_reminders: Any = Reminder.__table__

ORDER: Final = Order(
    fields={"due_at": _reminders.c.due_at, "created_at": _reminders.c.created_at},
    identity=_reminders.c.id,
    default="due_at",
)

Due = tuple[int, datetime]
"""How many minutes before, and which moment that is."""

_NEW: Final[Mapping[str, TypeEngine[Any]]] = {
    "id": Uuid(),
    "user_id": Uuid(),
    "offset_minutes": Integer(),
    "due_at": DateTime(timezone=True),
}
_SHOWN: Final = (
    *("id", "record_type", "record_id", "user_id", "offset_minutes", "due_at"),
    *("status", "sent_at", "created_at"),
)


async def delete_pending(
    unit: WriteUnit, kind: Kind, record_id: UUID, *, but: Collection[Due], of: Collection[UUID]
) -> None:
    """Withdraw what is pending of a record, save these moments of these people."""
    columns = _reminders.c
    unwanted: list[Condition] = [columns.record_type == kind.name, columns.record_id == record_id, _is_pending()]
    if but:
        moments = or_(*(and_(columns.offset_minutes == offset, columns.due_at == due_at) for offset, due_at in but))
        theirs = columns.user_id == func.any(bindparam("people", list(of), type_=ARRAY(Uuid())))
        unwanted.append(~and_(moments, theirs))
    await unit.execute(delete(_reminders).where(*unwanted))


async def insert_reminders(
    unit: WriteUnit, kind: Kind, record_id: UUID, moments: Collection[Due], people: Collection[UUID]
) -> Sequence[Row[Any]]:
    """New ones for all these people; answers those that there was none of for the same moment, sent or to be sent.

    From arrays, so that the statement is the same for any number of people.
    """
    rows = [(new_id(), user_id, offset, due_at) for user_id in people for offset, due_at in moments]
    given = [
        bindparam(name, list(values), type_=ARRAY(_NEW[name]))
        for name, values in zip(_NEW, zip(*rows, strict=True), strict=True)
    ]
    new = func.unnest(*given).table_valued(*(column(name, of) for name, of in _NEW.items())).render_derived("new")
    chosen = select(literal(kind.name), literal(record_id, Uuid()), *(new.c[name] for name in _NEW))
    statement = insert(_reminders).from_select(["record_type", "record_id", *_NEW], chosen)
    written = await unit.execute(statement.on_conflict_do_nothing().returning(_reminders.c.id, _reminders.c.due_at))
    return written.all()


async def find_reminder(unit: ReadUnit, reminder_id: UUID) -> Row[Any] | None:
    """A reminder, whosever it is."""
    return (await unit.execute(_select_reminders().where(_reminders.c.id == reminder_id))).one_or_none()


async def lock_reminder(unit: WriteUnit, reminder_id: UUID) -> Row[Any] | None:
    """The same, locked until COMMIT."""
    statement = _select_reminders().where(_reminders.c.id == reminder_id).with_for_update()
    return (await unit.execute(statement)).one_or_none()


async def lock_record(unit: WriteUnit, kind: Kind, record_id: UUID) -> bool:
    """Keep a record as it is until COMMIT; whether there is one."""
    wanted = select(kind.table.c.id).where(kind.table.c.id == record_id, is_living(kind)).with_for_update(read=True)
    return (await unit.execute(wanted)).one_or_none() is not None


async def set_status(unit: WriteUnit, reminder_id: UUID, status: ReminderStatus, sent_at: datetime | None) -> None:
    """What became of a reminder."""
    await unit.execute(update(_reminders).where(_reminders.c.id == reminder_id).values(status=status, sent_at=sent_at))


async def find_address(unit: ReadUnit, user_id: UUID) -> Row[Any]:
    """Where and how somebody gets mail."""
    statement = select(User.email, User.username, User.full_name, User.locale, User.timezone).where(User.id == user_id)
    return (await unit.execute(statement)).one()


async def list_reminders(
    unit: ReadUnit,
    actor: Principal,
    query: ListQuery,
    *,
    status: ReminderStatus | None,
    record_type: str | None,
    due_after: datetime | None,
    due_before: datetime | None,
) -> Slice:
    """A page of one's own reminders."""
    columns = _reminders.c
    title = _title(actor)
    conditions: list[Condition] = [columns.user_id == actor.user_id, created_within(columns.created_at, query)]
    if query.q:
        conditions.append(contains(query.q, title))
    conditions += exactly(columns, status=status, record_type=record_type)
    conditions += between(columns.due_at, due_after, due_before)
    statement = _select_reminders().add_columns(title.label("title")).where(*conditions)
    return await fetch_slice(unit, statement, ORDER, query)


def _select_reminders() -> AnySelect:
    return select(*(_reminders.c[name] for name in _SHOWN))


def _title(actor: Principal) -> ColumnElement[str | None]:
    """The title of the record that a row is of, as far as somebody may read it."""
    return case(
        *((_reminders.c.record_type == kind.name, _title_of(kind, actor)) for kind in KINDS.values()), else_=null()
    )


def _title_of(kind: Kind, actor: Principal) -> Any:
    columns = kind.table.c
    readable = (columns.id == _reminders.c.record_id, is_living(kind), reach(kind, actor, "read"))
    return select(columns[kind.title]).where(*readable).correlate(_reminders).scalar_subquery()


def _is_pending() -> Condition:
    pending: Condition = _reminders.c.status == ReminderStatus.PENDING
    return pending
