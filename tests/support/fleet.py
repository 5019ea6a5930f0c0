"""Tenants as migrations meet them: empty schemas, and tenants that were set back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from common.config import Config
from migrations.notices import notify_change
from migrations.tenant import expected_revision
from migrations.trees import downgrade, downgrade_sql
from tests.support.apps import connect


@asynccontextmanager
async def in_schema(url: str, schema: str) -> AsyncIterator[AsyncConnection]:
    """The owner's transaction with this schema as its default, which the migrations work in."""
    connect_args = {"server_settings": {"search_path": f"{schema}, pg_temp"}}
    async with create_async_engine(url, poolclass=NullPool, connect_args=connect_args).begin() as connection:
        yield connection


async def set_back(config: Config, tenant_id: str, revision: str = "0001") -> None:
    """Make a tenant what it was at an earlier revision, as far as schema and registry go, and let everybody know."""
    async with in_schema(config.owner_url, f"tenant_{tenant_id}") as connection:
        await connection.run_sync(downgrade, "tenant", revision)
        await connection.execute(
            text("UPDATE system.tenants SET revision = :revision WHERE id = :id"),
            {"revision": revision, "id": tenant_id},
        )
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        await notify_change(raw, f"tenant_{tenant_id}")


async def owner_runs(config: Config, *statements: str) -> None:
    """Run statements as the owner."""
    async with connect(config.owner_url) as owner:
        for statement in statements:
            await owner.execute(statement)


async def set_all_back(config: Config, revision: str) -> None:
    """Make every tenant that is at the newest revision what it was at an earlier one."""
    back = downgrade_sql("tenant", expected_revision(), revision)
    async with connect(config.owner_url) as owner:
        for schema, at in await owner.fetch("SELECT schema_name, revision FROM system.tenants"):
            if at == expected_revision():
                await owner.execute(f"BEGIN; SET LOCAL search_path TO {schema}, pg_temp; {back}; COMMIT")
        await owner.execute("UPDATE system.tenants SET revision = $1", revision)
