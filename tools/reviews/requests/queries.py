"""The SQL of requests for reviews."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, case, exists, false, func, insert, literal, or_, select, update

from common.clock import now
from common.paging import AnySelect, ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from tools.models import Review, ReviewRequest
from tools.records.kinds import Condition, Kind
from tools.records.queries import colleagues_of, exactly, reach, visible
from tools.reviews.requests.schemas import RequestStatus

_requests: Any = ReviewRequest.__table__
_columns: Any = _requests.c
_reviews: Any = Review.__table__
# No kind of record of its own, but what one may do to requests reaches as far as what one may do to reviews.
_KIND: Final = Kind("review request", "reviews", _requests, None, "subject_name", "reviewer_email", ())
ORDER: Final = Order({"created_at": _columns.created_at, "expires_at": _columns.expires_at}, _columns.id)
_OPEN: Final = and_(_columns.used_at.is_(None), _columns.revoked_at.is_(None))
_ANSWERED: Final = ("id", "subject_type", "subject_id", "subject_name", "reviewer_email", "reviewer_name", "locale")


def was_asked_for(actor: Principal, action: str) -> Condition:
    """Reviews that came of one's own requests, or of those of one's teams. They are made by nobody of the staff, but
    whoever asked may read the answer."""
    if action != "read":
        return false()
    asker = _columns.created_by == actor.user_id
    if actor.permissions.get(_KIND.needs("read")) == "team":
        asker = or_(asker, _columns.created_by.in_(colleagues_of(actor)))
    return exists().where(_columns.review_id == _reviews.c.id, asker)


def _status() -> ColumnElement[str]:
    return case(
        (_columns.used_at.is_not(None), literal(RequestStatus.USED.value)),
        (_columns.revoked_at.is_not(None), literal(RequestStatus.REVOKED.value)),
        (_columns.expires_at <= literal(now()), literal(RequestStatus.EXPIRED.value)),
        else_=literal(RequestStatus.PENDING.value),
    )


def _select_requests() -> AnySelect:
    """In the columns of the schema, which does not know the digest."""
    shown = [column for column in _columns if column.name not in {"digest", "lifetime_days"}]
    return select(*shown, _status().label("status"))


def select_about_subject(related_type: str, related_id: str) -> list[AnySelect]:
    """The reviews of a subject: it is what they are about, without a link."""
    columns = Review.__table__.alias("reviewed").c
    return [select(columns.id).where(columns.subject_type == related_type, columns.subject_id == related_id)]


async def list_requests(
    unit: ReadUnit, actor: Principal, query: ListQuery, status: RequestStatus | None, **equal: str | None
) -> Slice:
    """A page of the requests that somebody may read."""
    statement = _select_requests().where(reach(_KIND, actor, "read"), created_within(_columns.created_at, query))
    if status is not None:
        statement = statement.where(_status() == status.value)
    if query.q:
        statement = statement.where(
            contains(query.q, _columns.reviewer_email, _columns.reviewer_name, _columns.subject_name)
        )
    return await fetch_slice(unit, statement.where(*exactly(_columns, **equal)), ORDER, query)


async def find_request(unit: ReadUnit, actor: Principal, request_id: UUID) -> Row[Any] | None:
    """One request that somebody may read."""
    statement = _select_requests().where(_columns.id == request_id, reach(_KIND, actor, "read"))
    return (await unit.execute(statement)).one_or_none()


async def find_written(unit: ReadUnit, request_id: UUID) -> Row[Any]:
    """A request that the actor has just written, which he need not be able to read otherwise."""
    return (await unit.execute(_select_requests().where(_columns.id == request_id))).one()


async def lock_request(unit: WriteUnit, actor: Principal, request_id: UUID, action: str) -> Row[Any] | None:
    """What decides about a request that exists for somebody, and whether his permission reaches it, locked against
    other changes until COMMIT."""
    shown = (_columns[name] for name in ("reviewer_email", "lifetime_days", "used_at", "revoked_at", "version"))
    statement = (
        select(*shown, reach(_KIND, actor, action).label("reached"))
        .where(_columns.id == request_id, visible(_KIND, actor, action))
        .with_for_update(of=_requests)
    )
    return (await unit.execute(statement)).one_or_none()


async def close_expired(unit: WriteUnit, values: Mapping[str, Any], moment: datetime) -> None:
    """Revoke what has expired, so that the address can be asked again about the subject."""
    same = (
        func.lower(_columns.reviewer_email) == func.lower(literal(values["reviewer_email"])),
        *(_columns[name] == values[name] for name in ("subject_type", "subject_id")),
    )
    await unit.execute(
        update(_requests)
        .where(*same, _OPEN, _columns.expires_at <= moment)
        .values(revoked_at=moment, updated_at=moment, version=_columns.version + 1)
    )


async def insert_request(unit: WriteUnit, values: Mapping[str, Any]) -> None:
    """A new row; somebody who is being asked already is refused by the unique index."""
    await unit.execute(insert(_requests).values(**values))


async def update_request(unit: WriteUnit, request_id: UUID, values: Mapping[str, Any]) -> None:
    """Set fields and count the version up."""
    await unit.execute(
        update(_requests).where(_columns.id == request_id).values(**values, version=_columns.version + 1)
    )


async def renew_request(unit: WriteUnit, request_id: UUID, digest: bytes, moment: datetime) -> Row[Any] | None:
    """Give a pending request its secret; None when it is pending no more. The version stays: nobody has decided
    anything."""
    found = await unit.execute(
        update(_requests)
        .where(_columns.id == request_id, _OPEN, _columns.expires_at > moment)
        .values(digest=digest, sent_at=moment)
        .returning(*(_columns[name] for name in _ANSWERED), _columns.expires_at)
    )
    return found.one_or_none()


def _good(digest: bytes, moment: datetime) -> ColumnElement[bool]:
    return and_(_columns.digest == digest, _OPEN, _columns.expires_at > moment)


async def find_by_token(unit: ReadUnit, digest: bytes, moment: datetime) -> Row[Any] | None:
    """The request that a good token answers."""
    return (await unit.execute(_select_requests().where(_good(digest, moment)))).one_or_none()


async def use_request(unit: WriteUnit, digest: bytes, moment: datetime) -> Row[Any] | None:
    """Use a request up; None when somebody else was first, or it expired or was revoked."""
    used = await unit.execute(
        update(_requests)
        .where(_good(digest, moment))
        .values(used_at=moment, updated_at=moment, version=_columns.version + 1)
        .returning(*(_columns[name] for name in _ANSWERED))
    )
    return used.one_or_none()


async def note_review(unit: WriteUnit, request_id: UUID, review_id: UUID) -> None:
    """Remember what came of it."""
    await unit.execute(update(_requests).where(_columns.id == request_id).values(review_id=review_id))
