"""Signatures about a tenant's audit log, as its owner stores them."""

from __future__ import annotations

from typing import Any, Final

import asyncpg

import settings
from common.clock import now
from common.ids import TenantName
from common.seals import Seals

INSERT_TOMBSTONE: Final = (
    "INSERT INTO audit_tombstones (through_seq, hash, removed_at, key_id, signature) VALUES ($1, $2, $3, $4, $5) "
    "ON CONFLICT DO NOTHING"
)
TOMBSTONES: Final = "SELECT through_seq, hash, removed_at, key_id, signature FROM audit_tombstones"
CHECKPOINTS: Final = "SELECT size, head_hash, taken_at, key_id, signature FROM audit_checkpoints"


async def sign_tombstone(
    connection: asyncpg.Connection, seals: Seals, schema: str, through_seq: int, last_hash: bytes
) -> None:
    """Store that the entries up to a number are removed, signed."""
    made = settings.operators.seal_tombstone(seals, schema, through_seq, last_hash, now())
    signature = bytes.fromhex(made.signature)
    await connection.execute(INSERT_TOMBSTONE, through_seq, last_hash, made.time, made.key_id, signature)


async def find_tombstone(connection: asyncpg.Connection, seals: Seals, schema: str) -> asyncpg.Record | None:
    """The newest tombstone that the service has signed; of two keys' the current one's."""
    rows = await connection.fetch(f"{TOMBSTONES} ORDER BY through_seq DESC, key_id = $1 DESC LIMIT 100", seals.key_id)
    return next((row for row in rows if settings.operators.tombstone_holds(seals, schema, Attributes(row))), None)


async def adopt_signatures(connection: asyncpg.Connection, seals: Seals, source: str, name: TenantName) -> None:
    """What an archive's signatures become in the tenant made from it.

    They name the tenant they were made for, so a copy's tombstone is signed anew; one from another installation, whose
    key nobody knows here, is believed like the rest of the archive. What is plainly forged stays as it is, to be found.
    """
    newest = await connection.fetchrow(
        TOMBSTONES.replace("FROM ", "FROM archived_") + " ORDER BY through_seq DESC, key_id = $1 DESC LIMIT 1",
        seals.key_id,
    )
    if newest is not None:
        if settings.operators.tombstone_holds(seals, source, Attributes(newest)) is False:
            await connection.execute(INSERT_TOMBSTONE, *newest.values())
        else:
            await sign_tombstone(connection, seals, name.schema, newest["through_seq"], newest["hash"])
    if source == name.schema:
        columns = "(size, head_hash, taken_at, key_id, signature)"
        await connection.execute(
            f"INSERT INTO audit_checkpoints {columns} {CHECKPOINTS.replace('FROM ', 'FROM archived_')}"
        )


class Attributes:
    """A record whose columns are read as attributes, as those of a row are."""

    def __init__(self, record: asyncpg.Record) -> None:
        self._record = record

    def __getattr__(self, name: str) -> Any:
        return self._record[name]
