"""Copying a tenant's rows from one server to another: table by table in COPY's binary form, in constant memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import asyncpg

from common.errors import AuditChainBroken, Conflict
from common.ids import TenantName
from database import quote_identifier
from migrations.archive import column_names
from migrations.leftovers import closed_schema
from shared_models import TenantBase

PIECES: Final = 16  # of some 64 kB each, between the two servers
LOCK_SECONDS: Final = 20  # to wait for the last writes of transactions that were cut off

INDEX_MEMORY: Final = "128MB"  # for making one index, at the target
INDEXES: Final = """
SELECT format('%I.%I', $1::text, index.relname) AS name, pg_get_indexdef(index.oid) AS definition
FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
WHERE index.relnamespace = to_regnamespace($1)
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = index.oid)
"""
JOBS: Final = ("id", "tenant_id", "kind", "payload", "status", "attempts", "run_at", "last_error", "created_at")
# Every link of the copied chain, recomputed where it is now, and whether the head is its end.
VERIFY: Final = """
WITH link AS (
    SELECT sha256(convert_to({schema}.audit_canonical(item), 'UTF8')) = hash AS is_right
    FROM {schema}.audit_logs AS item
)
SELECT (SELECT coalesce(bool_and(is_right), true) FROM link)
   AND (SELECT coalesce((SELECT hash FROM {schema}.audit_logs ORDER BY seq DESC LIMIT 1), head.hash) = head.hash
        FROM {schema}.audit_chain AS head)
"""


@dataclass(frozen=True, slots=True)
class Copied:
    """How much a tenant was."""

    rows: int
    bytes: int
    jobs: int


def moved_tables() -> list[str]:
    """All tables of a tenant, each after those it refers to."""
    return [table.name for table in TenantBase.metadata.sorted_tables]


def tables_in(schema: str) -> str:
    """All of them, as SQL lists them."""
    return ", ".join(f"{quote_identifier(schema)}.{quote_identifier(table)}" for table in moved_tables())


async def sizes_of(source: asyncpg.Connection, name: TenantName) -> dict[str, int]:
    """The bytes of each table, as far as the server knows."""
    found = await source.fetch(
        "SELECT relname, pg_table_size(oid) AS size FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace IN (to_regnamespace($1), to_regnamespace($2))",
        name.schema,
        closed_schema(name),
    )
    return {row["relname"]: row["size"] for row in found}


async def copy_tenant(
    source: asyncpg.Connection, target: asyncpg.Connection, name: TenantName, report: Callable[[int], None]
) -> Copied:
    """Copy a closed tenant into the empty tables at the target, and compare, within the target's transaction. Raises
    Conflict or AuditChainBroken."""
    sizes = await sizes_of(source, name)
    closed, rows, done, moved = closed_schema(name), 0, 0, 0

    def advance(number: int) -> None:
        nonlocal moved
        moved += number
        report(min(done + number, done + sizes.get(table, 0)))

    async with source.transaction(isolation="repeatable_read"):
        await source.execute(f"SET LOCAL lock_timeout TO '{LOCK_SECONDS}s'")
        await source.execute(
            f"LOCK TABLE {tables_in(closed)} IN SHARE MODE"
        )  # before the snapshot, which then has all there is
        await target.execute(f"DELETE FROM {quote_identifier(name.schema)}.audit_chain")
        indexes = await _set_indexes_aside(target, name)
        for table in moved_tables():
            rows += await _copy_table(source, target, (closed, name.schema), table, advance)
            done += sizes.get(table, 0)
            report(done)
    for index in indexes:
        await target.execute(index)
    jobs = await _copy_jobs(source, target, name)
    if not await target.fetchval(VERIFY.format(schema=quote_identifier(name.schema))):
        raise AuditChainBroken
    return Copied(rows, moved, jobs)


async def _set_indexes_aside(target: asyncpg.Connection, name: TenantName) -> list[str]:
    """Drop the indexes that no constraint needs; answers how to make them again. Made at once they take a fraction of
    what they take row by row."""
    await target.execute(f"SET LOCAL maintenance_work_mem TO '{INDEX_MEMORY}'")
    found = await target.fetch(INDEXES, name.schema)
    if found:
        await target.execute(f"DROP INDEX {', '.join(row['name'] for row in found)}")
    return [row["definition"] for row in found]


async def _copy_table(
    source: asyncpg.Connection,
    target: asyncpg.Connection,
    schemas: tuple[str, str],
    table: str,
    advance: Callable[[int], None],
) -> int:
    """One table; answers how many rows it has. What the server makes itself, generated columns, it makes again."""
    columns, pieces = column_names(table), asyncio.Queue[bytes | None](PIECES)

    async def put(piece: bytes) -> None:
        advance(len(piece))
        await pieces.put(bytes(piece))

    async def take() -> AsyncIterator[bytes]:
        while (piece := await pieces.get()) is not None:
            yield piece

    async def read() -> str:
        status = await source.copy_from_table(
            table, schema_name=schemas[0], columns=columns, output=put, format="binary"
        )
        await pieces.put(None)
        return str(status)

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(read())
        writing = group.create_task(
            target.copy_to_table(table, schema_name=schemas[1], columns=columns, source=take(), format="binary")
        )
    if reading.result() != writing.result():
        raise Conflict(f"The copy of {table} is not complete.")
    return int(reading.result().removeprefix("COPY "))


async def _copy_jobs(source: asyncpg.Connection, target: asyncpg.Connection, name: TenantName) -> int:
    """The jobs of the tenant that wait or have failed, leased by nobody."""
    columns = ", ".join(JOBS)
    jobs = await source.fetch(f"SELECT {columns} FROM system.outbox WHERE tenant_id = $1", name.tenant_id)
    places = ", ".join(f"${number}" for number in range(1, len(JOBS) + 1))
    await target.executemany(
        f"INSERT INTO system.outbox ({columns}) VALUES ({places})", [tuple(job.values()) for job in jobs]
    )
    return len(jobs)
