"""Making events of a calendar file. Nobody is invited by it: whoever is named there was invited by another calendar."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from common.registry import Effective
from database import WriteUnit
from shared_auth import Principal
from tools.events.importing import queries
from tools.events.importing.entries import Draft, draft_events
from tools.events.importing.reader import read_file
from tools.events.importing.schemas import EntryResult, EntryStatus, EventsImportReport
from tools.events.kind import EVENT
from tools.records import service
from users import TIME_ZONE

OWN_VALUES: Final = {"attendees"}  # of a payload, which an imported event has none of


async def import_events(
    unit: WriteUnit, actor: Principal, data: bytes, settings: Effective, *, dry_run: bool
) -> EventsImportReport:
    """Make an event of each good entry that the actor has not imported before. Raises ImportInvalid."""
    drafts = await asyncio.to_thread(lambda: draft_events(read_file(data), settings[TIME_ZONE]))
    good = [draft for draft in drafts if draft.error is None]
    if good and not dry_run:
        await queries.lock_imports(unit, actor.user_id)
    known = await queries.find_known(unit, actor, {draft.uid for draft in good}) if good else {}
    made: dict[int, UUID] = {}
    seen: set[str] = set(known)
    new = []
    for draft in good:
        if draft.uid not in seen:
            seen.add(draft.uid)
            new.append(draft)
    if not dry_run:
        made = {draft.entry.position: await _create(unit, actor, draft, settings) for draft in new}
        await _insert_changes(unit, new, made)
    fresh = {draft.entry.position for draft in new}
    items = [_result(draft, known, made, is_new=draft.entry.position in fresh) for draft in drafts]
    counts = {status: sum(item.status == status for item in items) for status in EntryStatus}
    return EventsImportReport(
        dry_run=dry_run,
        created=counts[EntryStatus.CREATED] + counts[EntryStatus.WOULD_CREATE],
        skipped=counts[EntryStatus.SKIPPED],
        errors=counts[EntryStatus.ERROR],
        items=items,
    )


async def _create(unit: WriteUnit, actor: Principal, draft: Draft, settings: Effective) -> UUID:
    values = {name: value for name, value in draft.values.items() if name not in OWN_VALUES}
    return await service.create_record(unit, EVENT, values, settings, created_by=actor.user_id)


async def _insert_changes(unit: WriteUnit, drafts: Sequence[Draft], made: dict[int, UUID]) -> None:
    rows = [
        {"event_id": made[draft.entry.position], "original_starts_at": original, **change}
        for draft in drafts
        for original, change in draft.changes
    ]
    await queries.insert_overrides(unit, rows)


def _result(draft: Draft, known: dict[str, UUID], made: dict[int, UUID], *, is_new: bool) -> EntryResult:
    told: dict[str, Any] = {"position": draft.entry.position, "uid": draft.uid, "title": draft.title}
    if draft.error is not None:
        return EntryResult(**told, status=EntryStatus.ERROR, code=draft.error.code, message=str(draft.error))
    if not is_new:
        return EntryResult(**told, status=EntryStatus.SKIPPED, event_id=known.get(draft.uid))
    event_id = made.get(draft.entry.position)
    status = EntryStatus.WOULD_CREATE if event_id is None else EntryStatus.CREATED
    return EntryResult(**told, status=status, event_id=event_id)
