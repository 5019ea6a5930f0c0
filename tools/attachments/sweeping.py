"""Removing what is not needed any more: attachments whose time to be restored is over, contents that no attachment has,
and files that no content names."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row

from common.audit import Actor, Origin
from database import Tenant
from serving.services import Services
from tools.attachments import queries
from tools.attachments.kind import ATTACHMENT
from tools.declarations import ATTACHMENT_RETENTION
from tools.records.kinds import KINDS
from tools.records.service import audit_record

SWEEPER: Final = Actor("system")
ORIGIN: Final = Origin("housekeeping")
STEPS: Final = 50  # of a hundred attachments each; the rest waits for the next round
PERIOD: Final = timedelta(days=1)
# A file is younger than this while it may still be received and named: twice the longest time an upload may be given.
ABANDONED: Final = timedelta(hours=24)
BATCH: Final = 500

log = structlog.get_logger("attachments")


async def sweep(services: Services, tenant: Tenant, moment: datetime) -> None:
    """Do for one tenant what is due."""
    await remove_expired(services, tenant, moment)
    async with services.database.bookkeeping(tenant) as unit:
        is_ours = await queries.claim_sweep(unit, moment, PERIOD)
    if is_ours:
        await remove_orphans(services, tenant, moment - ABANDONED)


async def remove_expired(services: Services, tenant: Tenant, moment: datetime) -> None:
    """Remove for good what was deleted long enough ago. The rows go first: a file without a row is an orphan, a row
    without its file would be a broken promise."""
    days = (await services.find_settings(tenant))[ATTACHMENT_RETENTION]
    before = moment - timedelta(days=days)
    async with services.database.read(tenant) as reading:
        is_due = await queries.has_expired(reading, before)
    for _ in range(STEPS if is_due else 0):
        async with services.database.write(tenant, actor=SWEEPER, origin=ORIGIN) as unit:
            gone = await queries.delete_expired(unit, before)
            for row in gone:
                private = await _is_private(unit, row)
                audit_record(unit, ATTACHMENT, "purged", row.id, title=row.file_name, private=private)
            files = await queries.delete_unused_contents(unit) if gone else []
        await services.storage.folder(tenant.name).delete(files)
        if len(gone) < queries.PURGED_AT_ONCE:
            break


async def remove_orphans(services: Services, tenant: Tenant, before: datetime) -> None:
    """Remove the files that were begun before that moment and that no content names: their upload was broken off in a
    way that left no time to clean up."""
    folder = services.storage.folder(tenant.name)
    old = [file.id async for file in folder.list() if file.begun_at < before]
    removed = await folder.clear_unfinished(before)
    for start in range(0, len(old), BATCH):
        batch = old[start : start + BATCH]
        async with services.database.read(tenant) as unit:
            known = await queries.list_known_files(unit, batch)
        orphans = [file_id for file_id in batch if file_id not in known]
        await folder.delete(orphans)
        removed += len(orphans)
    if removed:
        log.info("orphans_removed", tenant=tenant.name.schema, files=removed)


async def _is_private(unit: Any, row: Row[Any]) -> bool:
    kind = KINDS.get(row.parent_type) if row.parent_type is not None else None
    return kind is not None and await queries.is_private(unit, kind, row.parent_id)
