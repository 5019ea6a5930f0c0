"""What is signed about an audit log: the texts, and how they are signed and checked. See docs/audit.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from common.config import Config
from common.seals import Seals
from settings.audit.schemas import Checkpoint, Seal, Tombstone, exact
from settings.audit.verify_export import canonical


def audit_seals(config: Config) -> Seals:
    """What signs about audit logs."""
    previous = config.secret_key_previous
    return Seals("audit seals", config.secret_key.get_secret_value(), previous.get_secret_value() if previous else None)


def seal_checkpoint(seals: Seals, tenant: str, size: int, head_hash: bytes, moment: datetime) -> Checkpoint:
    """Sign that the log had ``size`` entries, the last with that hash. ``tenant`` is the schema's name."""
    said: dict[str, Any] = {"tenant": tenant, "size": size, "head_hash": head_hash.hex()}
    return Checkpoint(**said, **_sign(seals, "audit.checkpoint", said, moment))


def seal_tombstone(seals: Seals, tenant: str, through_seq: int, last_hash: bytes, moment: datetime) -> Tombstone:
    """Sign that the entries up to ``through_seq``, whose hash is given, are removed."""
    said: dict[str, Any] = {"tenant": tenant, "through_seq": through_seq, "hash": last_hash.hex()}
    return Tombstone(**said, **_sign(seals, "audit.tombstone", said, moment))


def seal_export(
    seals: Seals, tenant: str, entries: int, *, filters: Mapping[str, Any], sha256: str, moment: datetime
) -> Seal:
    """Sign that a filtered export with these bytes, up to its last line, is the service's."""
    said = {"tenant": tenant, "entries": entries, "filters": dict(filters), "sha256": sha256}
    return Seal(sha256=sha256, **_sign(seals, "audit.export", said, moment))


def checkpoint_holds(seals: Seals, tenant: str, row: Any) -> bool | None:
    """Whether a stored checkpoint is the service's; None when its key is not known any more."""
    said = {"tenant": tenant, "size": row.size, "head_hash": row.head_hash.hex()}
    return seals.holds(row.key_id, _text("audit.checkpoint", said, row.taken_at), row.signature)


def tombstone_holds(seals: Seals, tenant: str, row: Any) -> bool | None:
    """Whether a stored tombstone is the service's; None when its key is not known any more."""
    said = {"tenant": tenant, "through_seq": row.through_seq, "hash": row.hash.hex()}
    return seals.holds(row.key_id, _text("audit.tombstone", said, row.removed_at), row.signature)


def checkpoint_of(seals: Seals, tenant: str, row: Row[Any]) -> Checkpoint:
    """A stored checkpoint whose key is known."""
    public_key = seals.public_key_of(row.key_id)
    assert public_key is not None
    return Checkpoint(
        tenant=tenant,
        size=row.size,
        head_hash=row.head_hash.hex(),
        time=row.taken_at,
        key_id=row.key_id,
        public_key=public_key,
        signature=row.signature.hex(),
    )


def tombstone_of(seals: Seals, tenant: str, row: Row[Any]) -> Tombstone:
    """A stored tombstone whose key is known."""
    public_key = seals.public_key_of(row.key_id)
    assert public_key is not None
    return Tombstone(
        tenant=tenant,
        through_seq=row.through_seq,
        hash=row.hash.hex(),
        time=row.removed_at,
        key_id=row.key_id,
        public_key=public_key,
        signature=row.signature.hex(),
    )


def _sign(seals: Seals, kind: str, said: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    made = seals.sign(_text(kind, said, moment))
    return {
        "time": moment,
        "key_id": made.key_id,
        "public_key": made.public_key,
        "signature": made.value.hex(),
    }


def _text(kind: str, said: Mapping[str, Any], moment: datetime) -> bytes:
    return canonical({"type": kind, **said, "time": exact(moment)}).encode()
