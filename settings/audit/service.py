"""Reading the audit log, and checkpoints of it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.clock import now
from common.errors import AuditChainBroken, NotFound
from common.paging import ListQuery
from common.seals import Seals
from database import BookkeepingUnit, ReadUnit, SystemUnit
from settings.audit import queries
from settings.audit.filters import AuditFilters
from settings.audit.schemas import AuditActor, AuditLog, AuditTarget, Checkpoint, Tombstone
from settings.audit.signing import checkpoint_of, seal_checkpoint, tombstone_holds, tombstone_of
from shared_models import Page

TOMBSTONES_READ: Final = 100  # two keys and two steps of one removal at most stand at the top; the rest is history


async def list_entries(unit: ReadUnit, query: ListQuery, filters: AuditFilters) -> Page[AuditLog]:
    """A page of entries."""
    found = await queries.list_entries(unit, query, filters.conditions())
    return Page(items=[_entry(row) for row in found.rows], next_cursor=found.next_cursor, total=found.total)


async def get_entry(unit: ReadUnit, entry_id: UUID) -> AuditLog:
    """One entry. Raises NotFound."""
    row = await queries.find_entry(unit, entry_id)
    if row is None:
        raise NotFound("There is no such entry.")
    return _entry(row)


async def take_checkpoint(unit: BookkeepingUnit | SystemUnit, seals: Seals, tenant: str) -> Checkpoint:
    """Sign how long the log is, and keep that; one that is there already for this length is answered again. Raises
    AuditChainBroken: a log whose end does not fit what is known of it is not signed."""
    ends = await queries.get_ends(unit)
    newest = await queries.find_newest_checkpoint(unit, seals.key_id)
    if newest is not None and newest.size == ends.head_seq and newest.head_hash == ends.head_hash:
        return checkpoint_of(seals, tenant, newest)
    is_known_longer = newest is not None and newest.size >= ends.head_seq
    if is_known_longer or (ends.head_seq, ends.head_hash) != (ends.last_seq, ends.last_hash or ends.head_hash):
        raise AuditChainBroken
    made = seal_checkpoint(seals, tenant, ends.head_seq, ends.head_hash, now())
    await queries.insert_checkpoint(
        unit,
        size=made.size,
        head_hash=ends.head_hash,
        taken_at=made.time,
        key_id=made.key_id,
        signature=bytes.fromhex(made.signature),
    )
    return made


async def find_tombstone(unit: ReadUnit, seals: Seals, tenant: str) -> Tombstone | None:
    """The newest tombstone that the service has signed."""
    for row in await queries.list_tombstones(unit, TOMBSTONES_READ):
        if tombstone_holds(seals, tenant, row):
            return tombstone_of(seals, tenant, row)
    return None


def _entry(row: Row[Any]) -> AuditLog:
    return AuditLog(
        id=row.id,
        seq=row.seq,
        occurred_at=row.occurred_at,
        action=row.action,
        actor=AuditActor(type=row.actor_type, id=row.actor_id, name=row.actor_name),
        target=AuditTarget(type=row.target_type, id=row.target_id, name=row.target_name),
        changes=row.changes,
        outcome=row.outcome,
        ip_address=row.ip_address,
        user_agent=row.user_agent,
        request_id=row.request_id,
        session_id=row.session_id,
        prev_hash=row.prev_hash.hex(),
        hash=row.hash.hex(),
    )
