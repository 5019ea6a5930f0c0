"""The audit chain recomputed outside the database, from nothing but the columns and the rule in revision 0002.

Each entry's hash is sha256 of one JSON object with every other column, in the one form ``jsonb`` writes: keys by length
in bytes, then by bytes; ", " and ": " between; numbers without exponents; text as UTF-8 with only the escapes that JSON
demands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import asyncpg

FIRST: Final = bytes(32)


def canonical(value: Any) -> str:
    """A JSON value as ``jsonb`` writes it."""
    if isinstance(value, Mapping):
        ordered = sorted(value.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))
        return "{" + ", ".join(f"{canonical(name)}: {canonical(item)}" for name, item in ordered) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(canonical(item) for item in value) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False)


def hash_of(row: Mapping[str, Any]) -> bytes:
    """The hash that an entry must have. ``changes`` is JSON text."""
    item = {name: _plain(value) for name, value in row.items() if name != "hash"}
    item["changes"] = json.loads(row["changes"], parse_float=Decimal)
    return hashlib.sha256(canonical(item).encode()).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, int | str) else str(value)


async def read_chain(owner: asyncpg.Connection) -> list[dict[str, Any]]:
    """All entries, oldest first."""
    return [dict(row) for row in await owner.fetch("SELECT * FROM audit_logs ORDER BY seq")]


def assert_whole(entries: Sequence[Mapping[str, Any]], head: Mapping[str, Any]) -> None:
    """Numbers without gaps, every hash right and over its predecessor's, times in order, the head at the end."""
    previous = FIRST
    for number, row in enumerate(entries, start=1):
        assert row["seq"] == number
        assert row["prev_hash"] == previous, f"entry {number} does not follow its predecessor"
        assert row["hash"] == hash_of(row), f"entry {number} was changed"
        previous = row["hash"]
    times = [row["occurred_at"] for row in entries]
    assert times == sorted(set(times))
    assert (head["seq"], head["hash"]) == (len(entries), previous)


async def assert_chain_whole(owner: asyncpg.Connection) -> list[dict[str, Any]]:
    """The entries of the tenant on the connection's search_path, all of them proven."""
    async with owner.transaction(isolation="repeatable_read", readonly=True):
        entries = await read_chain(owner)
        heads = await owner.fetch("SELECT * FROM audit_chain")
    assert len(heads) == 1
    assert_whole(entries, heads[0])
    return entries
