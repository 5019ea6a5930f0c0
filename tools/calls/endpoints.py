"""``/tools/calls``."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, TypedDict
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from common.enums import CallDirection, CallStatus
from common.times import GivenDay, GivenTime
from dependencies import Listing, Obeyed, Read, ReplicaRead, Replying, Requires, Route, Write
from shared_auth import Principal
from shared_models import Page
from tools.calls import service, statistics
from tools.calls.schemas import Call, CallCreate, CallPatch, CallReplace, CallStatistics, SearchedNumber
from tools.records.endpoints import Filters
from users import TIME_ZONE, TimeZone

router = APIRouter(prefix="/tools/calls", tags=["calls"], route_class=Route)

CallsReader = Annotated[Principal, Depends(Requires("calls:read"))]
CallsCreator = Annotated[Principal, Depends(Requires("calls:create"))]
CallsEditor = Annotated[Principal, Depends(Requires("calls:update"))]
CallsDeleter = Annotated[Principal, Depends(Requires("calls:delete"))]
Day = Annotated[GivenDay, Query(ge=date(1970, 1, 1), le=date(9000, 1, 1))]  # which exists, whatever the time zone


class CallFilters(TypedDict):
    """What a list of calls can be narrowed by, as ``call_conditions`` takes it."""

    direction: CallDirection | None
    status: tuple[CallStatus, ...]
    phone_number: str | None
    contact_ref: str | None
    outcome: str | None
    external_id: str | None
    started_after: datetime | None
    started_before: datetime | None


async def call_filters(  # noqa: PLR0917 - FastAPI calls it by keyword
    direction: CallDirection | None = None,
    status: Annotated[tuple[CallStatus, ...], Query(description="Repeated, has any of them.")] = (),
    phone_number: Annotated[
        SearchedNumber | None, Query(description="With this number, however it is written.")
    ] = None,
    contact_ref: Annotated[str | None, Query(max_length=128)] = None,
    outcome: Annotated[str | None, Query(max_length=500, description="Exactly this.")] = None,
    external_id: Annotated[str | None, Query(max_length=128)] = None,
    started_after: Annotated[GivenTime | None, Query(description="Began, or is to begin, after this.")] = None,
    started_before: Annotated[GivenTime | None, Query(description="Began, or is to begin, before this.")] = None,
) -> CallFilters:
    """The filters, read from the query."""
    return {
        "direction": direction,
        "status": status,
        "phone_number": phone_number,
        "contact_ref": contact_ref,
        "outcome": outcome,
        "external_id": external_id,
        "started_after": started_after,
        "started_before": started_before,
    }


@router.get("", summary="List calls")
async def list_calls(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    actor: CallsReader,
    listing: Listing,
    reply: Replying,
    filters: Filters,
    narrowed: Annotated[CallFilters, Depends(call_filters)],
) -> Page[Call]:
    """Calls you may read, the latest first; one without `started_at` counts from when it was logged. `q` searches the
    contact's name, number, outcome and notes. Sort by `started_at`, `created_at` or `updated_at`."""
    return reply.page(await service.list_calls(unit, actor, listing, filters, **narrowed))


@router.post(
    "",
    status_code=201,
    summary="Log a call",
    responses={200: {"model": Call, "description": "The call that has this `external_id` already, as it is now."}},
)
async def create_call(unit: Write, actor: CallsCreator, payload: CallCreate, reply: Replying, settings: Obeyed) -> Call:
    """A telephone system names its call in `external_id`: when it tells of one again, in whatever words, the first is
    answered with 200 and nothing is stored. 409 `external_id_taken` if you may not read that one.

    `phone_number` is E.164; spaces, dashes, dots, slashes, parentheses and a `(0)` are left out. `duration_seconds` of
    a completed call is computed from its times unless it is given, and may not be longer than they allow. A planned or
    cancelled call has neither end nor duration."""
    call, is_new = await service.create_call(unit, actor, payload, settings)
    return reply.created(call) if is_new else reply.found(call)


@router.get("/statistics", summary="Count calls by person and day")
async def get_call_statistics(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    actor: CallsReader,
    settings: Obeyed,
    first_day: Annotated[Day | None, Query(alias="from", description="The first day.")] = None,
    last_day: Annotated[Day | None, Query(alias="to", description="The last day, today if it is left out.")] = None,
    user_id: Annotated[UUID | None, Query(description="Only what this person logged.")] = None,
    time_zone: Annotated[TimeZone | None, Query(description="Whose days; the tenant's if it is left out.")] = None,
) -> CallStatistics:
    """Of the calls you may read: how many of each status and direction each person logged for each day, and how long
    the completed ones lasted. Up to 92 days; without `from`, seven."""
    return await statistics.count_calls(
        unit,
        actor,
        first_day=first_day,
        last_day=last_day,
        user_id=user_id,
        time_zone=time_zone or str(settings[TIME_ZONE]),
    )


@router.get("/{call_id}", summary="Get a call")
async def get_call(unit: Read, actor: CallsReader, call_id: UUID, reply: Replying) -> Call:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_call(unit, actor, call_id))


@router.put("/{call_id}", summary="Replace a call's fields")
async def replace_call(unit: Write, actor: CallsEditor, call_id: UUID, payload: CallReplace, reply: Replying) -> Call:
    """Sets every editable field; what is left out gets its default."""
    return reply.tag(await service.change_call(unit, actor, call_id, payload, reply.expected_version))


@router.patch("/{call_id}", summary="Change some of a call's fields")
async def update_call(unit: Write, actor: CallsEditor, call_id: UUID, payload: CallPatch, reply: Replying) -> Call:
    """Sets the fields given and leaves the others. A new `status`, `started_at` or `ended_at` has `duration_seconds`
    computed anew, unless that is given too."""
    return reply.tag(await service.change_call(unit, actor, call_id, payload, reply.expected_version))


@router.delete("/{call_id}", status_code=204, summary="Delete a call")
async def delete_call(unit: Write, actor: CallsDeleter, call_id: UUID, reply: Replying) -> None:
    """It can be restored: `?deleted=true` lists what was deleted. Its `external_id` is free again."""
    await service.delete_call(unit, actor, call_id, reply.expected_version)


@router.post("/{call_id}/restore", summary="Restore a deleted call")
async def restore_call(unit: Write, actor: CallsDeleter, call_id: UUID, reply: Replying) -> Call:
    """For whoever may delete it. 404 unless it is deleted; 409 `external_id_taken` if another call has its id now."""
    return reply.tag(await service.restore_call(unit, actor, call_id))
