"""The rules of asking for reviews."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.audit import Change, Target
from common.clock import now
from common.errors import NotFound, PermissionDenied, ReviewRequestClosed, VersionConflict
from common.ids import new_id
from common.paging import ListQuery
from common.registry import Effective
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from shared_models import Page, page_of
from tools.declarations import REQUEST_DAYS
from tools.reviews.requests import queries
from tools.reviews.requests.schemas import RequestStatus, ReviewRequest, ReviewRequestCreate
from users import DEFAULT_LOCALE

MAIL: Final = "mail.review_request"


async def list_requests(
    unit: ReadUnit, actor: Principal, query: ListQuery, status: RequestStatus | None, **equal: str | None
) -> Page[ReviewRequest]:
    """A page of requests, newest first."""
    found = await queries.list_requests(unit, actor, query, status, **equal)
    return page_of(ReviewRequest, found)


async def get_request(unit: ReadUnit, actor: Principal, request_id: UUID) -> ReviewRequest:
    """One request. Raises NotFound."""
    row = await queries.find_request(unit, actor, request_id)
    if row is None:
        raise _missing()
    return ReviewRequest.model_validate(row)


async def create_request(
    unit: WriteUnit, actor: Principal, payload: ReviewRequestCreate, settings: Effective
) -> ReviewRequest:
    """Ask somebody. Raises ReviewRequestPending."""
    request_id, moment = new_id(), now()
    days = payload.expires_in_days or settings[REQUEST_DAYS]
    values = payload.model_dump(exclude={"expires_in_days"}) | {
        "locale": payload.locale or settings[DEFAULT_LOCALE],
        "lifetime_days": days,
    }
    await queries.close_expired(unit, values, moment)
    common = {"id": request_id, "created_by": actor.user_id, "created_at": moment, "updated_at": moment}
    await queries.insert_request(unit, {**values, **common, "expires_at": moment + timedelta(days=days)})
    _order(unit, request_id)
    changes = [Change(name, None, value) for name, value in values.items() if value is not None]
    _audit(unit, "created", request_id, payload.reviewer_email, changes)
    return await _written(unit, request_id)


async def resend_request(
    unit: WriteUnit, actor: Principal, request_id: UUID, expected_version: int | None
) -> ReviewRequest:
    """Have another link mailed, good for as long again; the one before is worthless at once. Raises
    ReviewRequestClosed."""
    row = await _begin(unit, actor, request_id, "create", expected_version)
    if row.revoked_at is not None:
        raise ReviewRequestClosed
    moment = now()
    expires_at = moment + timedelta(days=row.lifetime_days)
    await queries.update_request(unit, request_id, {"digest": None, "expires_at": expires_at, "updated_at": moment})
    _order(unit, request_id)
    _audit(unit, "resent", request_id, row.reviewer_email)
    return await _written(unit, request_id)


async def revoke_request(unit: WriteUnit, actor: Principal, request_id: UUID, expected_version: int | None) -> None:
    """Make the mailed link worthless. Raises NotFound for one that is revoked, ReviewRequestClosed for a used one."""
    row = await _begin(unit, actor, request_id, "delete", expected_version)
    if row.revoked_at is not None:
        raise NotFound("The request was revoked.")
    moment = now()
    await queries.update_request(unit, request_id, {"digest": None, "revoked_at": moment, "updated_at": moment})
    _audit(unit, "revoked", request_id, row.reviewer_email)


async def _begin(
    unit: WriteUnit, actor: Principal, request_id: UUID, action: str, expected_version: int | None
) -> Row[Any]:
    row = await queries.lock_request(unit, actor, request_id, action)
    if row is None:
        raise _missing()
    if not row.reached:
        permission = f"reviews:{action}"
        raise PermissionDenied(f"Your permission {permission} does not reach this request.", permission=permission)
    if row.used_at is not None:
        raise ReviewRequestClosed
    if expected_version not in {None, row.version}:
        raise VersionConflict
    return row


async def _written(unit: WriteUnit, request_id: UUID) -> ReviewRequest:
    return ReviewRequest.model_validate(await queries.find_written(unit, request_id))


def _order(unit: WriteUnit, request_id: UUID) -> None:
    unit.enqueue(MAIL, {"request_id": str(request_id)})


def _audit(unit: WriteUnit, verb: str, request_id: UUID, email: str, changes: list[Change] | None = None) -> None:
    target = Target("review_request", str(request_id), email)
    unit.audit(f"tools.review_request.{verb}", target=target, changes=changes or [])


def _missing() -> NotFound:
    return NotFound("There is no such request.")
