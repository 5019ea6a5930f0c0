"""What the outbox worker does for reminders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from common.clock import now
from common.enums import ReminderStatus
from common.outbox.queries import Job
from common.registry import Effective
from database import ReadUnit, Tenant
from serving.jobs import find_tenant_of, send_mail, write_unit_of
from serving.services import Services
from tools.records.kinds import KINDS
from tools.records.single import find_record
from tools.reminders import queries, service
from users import load_absent

OVER: Final = frozenset({ReminderStatus.SENT, ReminderStatus.MISSED})


@dataclass(frozen=True, slots=True)
class Letter:
    """What a reminder says, to whom."""

    address: Row[Any]
    title: str
    page: str  # the record's, in the frontend
    moment: datetime  # in ``zone``
    zone: str  # the reader's; of whole days, the record's
    whole_day: bool


async def send_reminder(services: Services, job: Job) -> None:
    """Mail a reminder to whoever can read what it is of, if it is still wanted.

    Each has one job, which one worker leases at a time, so nothing is locked while the mail leaves: a mail server that
    hangs holds up nobody who changes the record. A process that dies between the mail and its note repeats it. In a
    tenant that is not served just now reminders are missed, and what repeats goes on: it may be served tomorrow.
    """
    tenant = await find_tenant_of(services, job)
    if tenant is None:
        return
    async with services.database.read(tenant) as unit:
        reminder = await queries.find_reminder(unit, UUID(job.payload["reminder_id"]))
        if reminder is None or reminder.status in OVER:
            return
        letter = await _write(unit, tenant, reminder, await services.find_settings(tenant))
    if letter is not None:
        await _send(services, letter)
    async with write_unit_of(services, tenant, job) as unit:
        await service.settle(unit, reminder, ReminderStatus.SENT if letter else ReminderStatus.MISSED)


async def _write(unit: ReadUnit, tenant: Tenant, reminder: Row[Any], settings: Effective) -> Letter | None:
    """The letter; None when it was dismissed, it is too late, or nobody is there who may read it."""
    kind = KINDS.get(reminder.record_type)
    if kind is None or tenant.status != "active" or service.is_over(reminder, now()):
        return None
    reader = await load_absent(unit, tenant=tenant.name, user_id=reminder.user_id, settings=settings)
    record = await find_record(unit, kind, reader, reminder.record_id) if reader else None
    if record is None:
        return None
    address = await queries.find_address(unit, reminder.user_id)
    title = getattr(record, kind.title) or kind.name
    whole_day, days_zone = (getattr(record, name) for name in kind.days) if kind.days else (False, "")
    zone = days_zone if whole_day else address.timezone
    return Letter(
        address,
        title=" ".join(title.split()),  # it becomes the subject, which is one line
        page=f"{kind.permission}/{record.id}",
        moment=service.anchor_of(reminder).astimezone(ZoneInfo(zone)),
        zone=zone,
        whole_day=whole_day,
    )


async def _send(services: Services, letter: Letter) -> None:
    address = letter.address
    await send_mail(
        services,
        "reminder",
        to=address.email,
        locale=address.locale,
        name=address.full_name or address.username,
        title=letter.title,
        moment=letter.moment,
        zone=letter.zone,
        whole_day=letter.whole_day,
        link=f"{services.config.app_base_url}/{letter.page}",
    )
