"""What lets an exported file prove itself: read in the export's own snapshot, before its first entry."""

from __future__ import annotations

from common.clock import now
from common.seals import Seals
from database import ExportUnit
from settings.audit.queries import find_hash, find_newest_checkpoint, get_ends
from settings.audit.schemas import Checkpoint, Tombstone
from settings.audit.service import find_tombstone
from settings.audit.signing import checkpoint_of, seal_checkpoint


async def read_proof(unit: ExportUnit, seals: Seals, tenant: str) -> tuple[Tombstone | None, Checkpoint]:
    """Where the chain in the file begins, and where it must end.

    A fresh checkpoint is signed only for a log that its newest stored one still fits. Otherwise the stored one goes
    into the file, which then cannot be proven: an export must not launder a log that was cut off or written anew.
    """
    tombstone = await find_tombstone(unit, seals, tenant)
    known = await find_newest_checkpoint(unit, seals.key_id)
    ends = await get_ends(unit)
    removed = tombstone.through_seq if tombstone else 0
    if known is not None and known.size > removed and await find_hash(unit, known.size) != known.head_hash:
        return tombstone, checkpoint_of(seals, tenant, known)
    return tombstone, seal_checkpoint(seals, tenant, ends.head_seq, ends.head_hash, now())
