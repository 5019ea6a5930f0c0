"""``/tools/reminders``: one's own."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from common.enums import ReminderStatus
from common.times import GivenTime
from dependencies import AnyUser, Listing, ReplicaRead, Replying, Route, Write
from shared_models import Page
from tools.reminders import service
from tools.reminders.schemas import OwnReminder

router = APIRouter(prefix="/tools/reminders", tags=["reminders"], route_class=Route)


@router.get("", summary="List one's own reminders")
async def list_reminders(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    actor: AnyUser,
    listing: Listing,
    reply: Replying,
    status: ReminderStatus | None = None,
    record_type: Annotated[str | None, Query(max_length=32, description="Of a kind: `task`, `event`.")] = None,
    due_after: Annotated[GivenTime | None, Query(description="Only what is due after this.")] = None,
    due_before: Annotated[GivenTime | None, Query(description="Only what is due before this.")] = None,
) -> Page[OwnReminder]:
    """The mails that remind you, those to come and those gone, earliest first. `q` searches the titles of what they are
    of. Sort by `due_at` or `created_at`."""
    found = await service.list_reminders(
        unit,
        actor,
        listing,
        status=status,
        record_type=record_type,
        due_after=due_after,
        due_before=due_before,
    )
    return reply.page(found)


@router.delete("/{reminder_id}", status_code=204, summary="Dismiss one of one's own reminders")
async def dismiss_reminder(unit: Write, actor: AnyUser, reminder_id: UUID) -> None:
    """You are not mailed for that moment; others are. 404 unless it is `pending`. A record that moves reminds you
    again."""
    await service.dismiss_reminder(unit, actor, reminder_id)
