"""Upgrading every tenant: only those behind, each in a transaction of its own, so that one's failure stays its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from common.config import Config
from database import quote_identifier
from migrations.bootstrap import prepare_database
from migrations.notices import notify_change
from migrations.seed import digest, write_seed
from migrations.tenant import expected_revision, rights_sql
from migrations.trees import upgrade_in_turn

_UPGRADING: Final = 7_300_003  # first half of the advisory lock that upgrades of one tenant wait for
_HERE: Final = "shard = 'default' AND moving_to IS NULL"  # not on a shard, nor on its way to one
_BEHIND: Final = f"{_HERE} AND (revision <> :revision OR seed_digest <> :digest)"


@dataclass(slots=True)
class FleetReport:
    """What an upgrade of the fleet did."""

    total: int
    upgraded: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # tenant id → the first line of its error


async def migrate_everything(config: Config, report: Callable[[str], None]) -> FleetReport:
    """Prepare the database, then upgrade every tenant that is behind. Raises DatabaseProblem for the database's faults;
    a tenant's are in the report."""
    await prepare_database(config)
    engine = create_async_engine(
        config.owner_url, poolclass=NullPool, connect_args={"timeout": config.database_connect_timeout}
    )
    try:
        async with engine.connect() as connection:
            total = (await connection.execute(text(f"SELECT count(*) FROM system.tenants WHERE {_HERE}"))).scalar_one()
            behind = await _behind(connection)
        result = FleetReport(total)
        for number, tenant_id in enumerate(behind, start=1):
            outcome = await _upgrade_one(engine, tenant_id, result)
            report(f"[{number}/{len(behind)}] {tenant_id}: {outcome}")
    finally:
        await engine.dispose()
    return result


async def _behind(connection: AsyncConnection) -> list[str]:
    found = await connection.execute(
        text(f"SELECT id FROM system.tenants WHERE {_BEHIND} ORDER BY id"),
        {"revision": expected_revision(), "digest": digest()},
    )
    return [str(row.id) for row in found]


async def _upgrade_one(engine: AsyncEngine, tenant_id: str, result: FleetReport) -> str:
    """Upgrade one tenant and note in the report what came of it; answers that in a few words."""
    try:
        async with engine.begin() as connection:
            done = await _upgrade(connection, tenant_id)
    except Exception as error:
        result.failed[tenant_id] = str(error).partition("\n")[0] or type(error).__name__
        return result.failed[tenant_id]
    if not done:
        return "upgraded by another run"
    result.upgraded.append(tenant_id)
    return "upgraded"


async def _upgrade(connection: AsyncConnection, tenant_id: str) -> bool:
    """Upgrade a tenant within the connection's transaction; False when another run was quicker."""
    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_UPGRADING}, hashtext(:id))"), {"id": tenant_id})
    found = await connection.execute(
        text(f"SELECT schema_name, role_name FROM system.tenants WHERE id = :id AND ({_BEHIND}) FOR UPDATE"),
        {"id": tenant_id, "revision": expected_revision(), "digest": digest()},
    )
    tenant = found.one_or_none()
    if tenant is None:
        return False
    await connection.execute(text(f"SET LOCAL search_path TO {quote_identifier(tenant.schema_name)}, pg_temp"))
    await upgrade_in_turn(connection, "tenant")
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None
    await raw.execute(rights_sql(tenant.schema_name, tenant.role_name))
    await write_seed(raw)
    await connection.execute(
        text(
            "UPDATE system.tenants SET revision = :revision, seed_digest = :digest, version = version + 1, "
            "updated_at = now() WHERE id = :id"
        ),
        {"id": tenant_id, "revision": expected_revision(), "digest": digest()},
    )
    await notify_change(raw, tenant.schema_name)
    return True
