"""A note that people are reminded of: what a task or an event does, without either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from common.audit import Origin, Target
from common.clock import now
from serving.jobs import SYSTEM
from tests.support.apps import registered, services_of
from tests.support.post import PostOffice
from tests.support.probes import owner_connection
from tests.support.things import word
from tests.support.world import Person, TestTenant
from tools.records.kinds import KINDS, Kind
from tools.records.single import update_record
from tools.reminders import service

NOTE = KINDS["note"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One tenant, its post office, and how its records ask for reminders."""

    office: PostOffice
    tenant: TestTenant

    async def note(self, author: Person, **fields: Any) -> UUID:
        """A new note of somebody's."""
        answer = await author.api.post("/tools/notes", json={"title": word(), **fields})
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    async def plan(
        self,
        record_id: UUID,
        anchor: datetime | None,
        *people: Person,
        offsets: Sequence[int] = (30,),
        kind: Kind = NOTE,
        **fields: Any,
    ) -> None:
        """What a tool does when it writes a record."""
        tenant = await registered(self.office.app, self.tenant.name)
        async with services_of(self.office.app).database.write(tenant, actor=SYSTEM, origin=Origin("planning")) as unit:
            await update_record(unit, NOTE, record_id, fields, now())
            recipients = [UUID(person.id) for person in people]
            await service.plan(unit, kind, record_id, anchor=anchor, offsets=offsets, recipients=recipients)
            unit.audit("tools.note.updated", target=Target("note", str(record_id)))

    async def cancel(self, record_id: UUID) -> None:
        """What a tool does after it has finished or deleted a record."""
        tenant = await registered(self.office.app, self.tenant.name)
        async with services_of(self.office.app).database.write(tenant, actor=SYSTEM, origin=Origin("planning")) as unit:
            await service.cancel(unit, NOTE, record_id)
            unit.audit("tools.note.updated", target=Target("note", str(record_id)))

    async def pass_by(self, **time: float) -> None:
        """Let time pass: what was so long ahead is due now."""
        async with owner_connection(self.office.config, self.tenant.name) as owner:
            await owner.execute("UPDATE reminders SET due_at = due_at - $1::interval", timedelta(**time))
        await self.office.skip_waits()

    async def reminders(self, person: Person, **query: Any) -> list[dict[str, Any]]:
        """What somebody sees of his."""
        answer = await person.api.get("/tools/reminders", params={"limit": 200, **query})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    async def of(self, record_id: UUID, person: Person) -> list[tuple[str, datetime]]:
        """Status and moment of somebody's reminders of a record, earliest first."""
        return [
            (item["status"], datetime.fromisoformat(item["due_at"]))
            for item in await self.reminders(person)
            if item["record"]["id"] == str(record_id)
        ]


def ahead(**time: float) -> datetime:
    """A moment to come, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(**time)
