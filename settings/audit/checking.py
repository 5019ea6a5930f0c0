"""Verifying a log where it lies: every hash recomputed by the database, in stretches that each take a moment.

Each stretch is a transaction of its own, so a long log holds no connection and no snapshot. What is appended meanwhile
lies behind the end that was read at the start; only what is removed meanwhile, because its time was over, can disturb,
and is looked for before anything is called broken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.observability.counts import AUDIT_VERIFICATIONS, AUDIT_VERIFIED
from common.paging import Executes
from common.seals import Seals
from settings.audit import queries
from settings.audit.schemas import Break, BreakKind, Verification, exact
from settings.audit.service import TOMBSTONES_READ
from settings.audit.signing import checkpoint_holds, tombstone_holds
from settings.audit.verify_export import hash_of, read_json

STRETCH: Final = 10_000  # entries: about a tenth of a second, far from the statement timeout
AT_ONCE: Final = 2  # stretches, each with a connection of its own
STRETCH_AT_END: Final = 1_000  # some 10 ms
CHECKPOINTS_AT_ONCE: Final = 500
FIRST: Final = bytes(32)

OpenUnit = Callable[[], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Chain:
    """A log to verify. ``more`` are columns that only this one hashes; one that never ``expires`` has no tombstones."""

    tenant: str
    open_unit: OpenUnit
    seals: Seals
    more: Sequence[str] = ()
    expires: bool = True
    advance: Callable[[int, int], None] = lambda _done, _all: None


async def verify_chain(chain: Chain) -> Verification:
    """Recompute the whole log."""
    while True:
        start, start_hash, forged = await _find_start(chain)
        result = await _verify_from(chain, start, start_hash, forged)
        if result.ok or (await _find_start(chain))[0] == start:
            AUDIT_VERIFICATIONS.labels("whole" if result.ok else "broken").inc()
            AUDIT_VERIFIED.set_to_current_time()
            return result


async def verify_end(chain: Chain) -> Verification:
    """Recompute the newest entries only, and hold the newest checkpoint of the current key against the log.

    What lies before them is believed: enough for a look every now and then, not for a proof.
    """
    async with chain.open_unit() as unit:
        ends = await queries.get_ends(unit)
        start = max(ends.first_seq - 1, ends.last_seq - STRETCH_AT_END, 0)
        start_hash = await queries.find_hash(unit, start)
        newest = await queries.find_newest_checkpoint(unit, chain.seals.key_id)
        stored = await queries.find_hash(unit, newest.size) if newest is not None else None
    if start_hash is None:  # it begins with the first entry, or behind what has expired
        start_hash = (await _find_start(chain))[1]
    checked, found = await _walk(chain, start, start_hash, ends)
    if found is None and newest is not None and newest.size > start:
        if not checkpoint_holds(chain.seals, chain.tenant, newest):
            found = Break(seq=newest.size, kind="checkpoint_forged")
        elif stored != newest.head_hash:
            found = Break(seq=newest.size, kind="rewritten" if stored else "truncated")
    return Verification(ok=found is None, checked=checked, first_break=found)


async def _find_start(chain: Chain) -> tuple[int, bytes, int | None]:
    """Where the log begins, after its newest good tombstone; and the newest forged one that lies behind that."""
    if not chain.expires:
        return 0, FIRST, None
    async with chain.open_unit() as unit:
        rows = await queries.list_tombstones(unit, TOMBSTONES_READ)
    forged: int | None = None
    for row in rows:
        if tombstone_holds(chain.seals, chain.tenant, row):
            return row.through_seq, row.hash, forged
        forged = forged or row.through_seq
    return 0, FIRST, forged


async def _verify_from(chain: Chain, start: int, start_hash: bytes, forged: int | None) -> Verification:
    if forged is not None:
        return _broken(0, forged, "tombstone_forged")
    async with chain.open_unit() as unit:
        ends = await queries.get_ends(unit)
    checked, found = await _walk(chain, start, start_hash, ends)
    signed = await _check_checkpoints(chain, start, start_hash, ends)
    breaks = [one for one in (found, signed) if one is not None]
    first = min(breaks, key=lambda one: one.seq) if breaks else None
    return Verification(ok=first is None, checked=checked, first_break=first)


async def _walk(chain: Chain, start: int, start_hash: bytes, ends: Row[Any]) -> tuple[int, Break | None]:
    """How many entries are right, and the first break among entries and head."""
    if ends.last_seq and ends.first_seq <= start:
        return 0, Break(seq=ends.first_seq, kind="inserted")
    checked, seq, last_hash = 0, start, start_hash
    while seq < ends.last_seq:
        for through, stretch in await _check_some(chain, seq, ends.last_seq):
            bad = stretch.first_bad_after(last_hash)
            if bad is not None:
                return await _locate(chain, (seq, last_hash), bad, checked)
            if stretch.last_seq < through:
                return checked + stretch.size, Break(seq=stretch.last_seq + 1, kind="deleted")
            checked, seq, last_hash = checked + stretch.size, stretch.last_seq, stretch.last_hash
            chain.advance(seq - start, ends.last_seq - start)
    return checked, _compare_head(ends, seq, last_hash)


async def _check_some(chain: Chain, after: int, last: int) -> list[tuple[int, queries.Stretch]]:
    """The next stretches, each with the number it should reach. Each is looked at by itself, so that PostgreSQL can use
    a processor for each; that one follows the other is for the caller to see."""

    async def check(start: int) -> tuple[int, queries.Stretch]:
        through = min(start + STRETCH, last)
        async with chain.open_unit() as unit:
            return through, await queries.check_stretch(unit, start, through, chain.more)

    return await asyncio.gather(*(check(start) for start in range(after, last, STRETCH)[:AT_ONCE]))


def _compare_head(ends: Row[Any], seq: int, last_hash: bytes) -> Break | None:
    if ends.head_seq > seq:
        return Break(seq=seq + 1, kind="truncated")
    if ends.head_seq < seq:
        return Break(seq=ends.head_seq + 1, kind="head_altered")
    return None if ends.head_hash == last_hash else Break(seq=max(seq, 1), kind="head_altered")


async def _locate(chain: Chain, known: tuple[int, bytes], bad: int, checked: int) -> tuple[int, Break | None]:
    """The first bad entry's place and what happened there. What lies before it in its stretch is right."""
    seq, last_hash = known
    async with chain.open_unit() as unit:
        before = await queries.check_stretch(unit, seq, bad - 1, chain.more)
        if before.size:
            checked, seq, last_hash = checked + before.size, before.last_seq, before.last_hash
        if bad != seq + 1:
            return checked, Break(seq=seq + 1, kind="deleted")
        row = await queries.get_columns(unit, bad, chain.more)
        kind, place = await _name(unit, row, last_hash, is_first=not checked)
    return checked, Break(seq=place, kind=kind)


async def _name(unit: Executes, row: Row[Any], last_hash: bytes, *, is_first: bool) -> tuple[BreakKind, int]:
    """What happened at an entry that does not fit, and where, told from where its hashes would fit."""
    has_successor = await queries.find_successor(unit, last_hash, other_than=row.seq) is not None
    if _fits(row, prev_hash=last_hash):
        return "altered", row.seq
    place = await _find_place(unit, row)
    if has_successor:
        return ("inserted" if place is None else "reordered"), row.seq
    if row.prev_hash == last_hash:
        return ("altered" if place is None else "reordered"), row.seq
    before = row.seq if is_first else row.seq - 1
    if _fits(row):  # it follows another entry than the one before it
        return "rewritten", before
    if place is None:
        return "altered", row.seq
    return ("deleted", row.seq) if place > row.seq else ("inserted", before)


async def _find_place(unit: Executes, row: Row[Any]) -> int | None:
    """The other number with which the entry would be right: one beside its own, or beside those of the entries that
    its hashes name."""
    successor = await queries.find_successor(unit, row.hash, other_than=row.seq)
    predecessor = await queries.find_holder(unit, row.prev_hash)
    near = [row.seq, *(seq for seq in (successor, predecessor) if seq is not None)]
    candidates = {seq + step for seq in near for step in (-1, 0, 1)} - {row.seq}
    return next((seq for seq in candidates if _fits(row, seq=seq)), None)


def _fits(row: Row[Any], **other: Any) -> bool:
    columns = {**row._mapping, **other}
    stored = columns.pop("hash")
    columns["changes"] = read_json(columns["changes"])
    return hash_of({name: _plain(value) for name, value in columns.items()}) == bytes(stored).hex()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return exact(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, UUID) else value


async def _check_checkpoints(chain: Chain, start: int, start_hash: bytes, ends: Row[Any]) -> Break | None:
    """The first checkpoint that is forged, or knows another log than the one that is there."""
    after = (-1, "")
    while True:
        async with chain.open_unit() as unit:
            rows = await queries.list_checkpoints(unit, after, CHECKPOINTS_AT_ONCE)
        found = await asyncio.to_thread(_first_wrong, chain, rows, start, start_hash, ends.last_seq)
        if found is not None or len(rows) < CHECKPOINTS_AT_ONCE:
            return found
        after = (rows[-1].size, rows[-1].key_id)


def _first_wrong(chain: Chain, rows: Sequence[Row[Any]], start: int, start_hash: bytes, last_seq: int) -> Break | None:
    for row in rows:
        holds = checkpoint_holds(chain.seals, chain.tenant, row)
        stored = start_hash if row.size == start else row.stored_hash
        agrees = row.size < start or stored == row.head_hash
        if holds is False or (holds is None and not agrees):
            return Break(seq=row.size, kind="checkpoint_forged")
        if not agrees:
            # Without an entry of that number the end is gone: what the walk found before it comes first anyway.
            gone = row.stored_hash is None and row.size > last_seq
            return Break(seq=last_seq + 1 if gone else row.size, kind="truncated" if gone else "rewritten")
    return None


def _broken(checked: int, seq: int, kind: BreakKind) -> Verification:
    return Verification(ok=False, checked=checked, first_break=Break(seq=seq, kind=kind))
