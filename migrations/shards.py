"""Preparing shards: databases like the home's, which know whose they are, and whose tenants the home registry lists.

A shard has a ``system`` schema of its own, because a tenant's transaction reaches no other database: the rows of its
own tenants, their jobs, and nothing else in it is used. Where a tenant is, how it is called and whether it is served
the home's registry says.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import asyncpg

from common.config import Config
from common.postgresql.errors import DRIVER_ERRORS
from common.shards import HOME
from migrations.bootstrap import prepare_database
from migrations.errors import DatabaseProblem, DatabaseUnreachable
from migrations.login import plain_dsn

# A database that has tenants is somebody's already; one that a shard was dropped from still says whose it was.
ADOPT: Final = """
UPDATE system.installation SET id = $1, shard = $2
WHERE shard = $3 AND id <> $1 AND NOT EXISTS (SELECT FROM system.tenants)
"""
OURS: Final = "SELECT true FROM system.installation WHERE id = $1 AND shard = $2"


async def prepare_shard(config: Config, shard: str) -> None:
    """Bring a shard's database up to date, and see that it is ours. The home database is prepared. Raises
    DatabaseProblem."""
    await prepare_database(config.on(shard))
    await check_shard(config, shard, adopt=True)


async def check_shard(config: Config, shard: str, *, adopt: bool = False) -> None:
    """See that a shard's database is ours, or becomes so if it was just made. Raises DatabaseProblem."""
    home, other = await _connect(config), None
    try:
        other = await _connect(config.on(shard))
        installation = await find_installation(home)
        if adopt:
            await other.execute(ADOPT, installation, shard, HOME)
        if not await is_ours(other, installation, shard):
            raise DatabaseProblem(
                f"The database of the shard {shard} is the home database, another shard, or another installation's. "
                "Give each shard of DATABASE_SHARDS a database of its own, which is empty."
            )
    except DRIVER_ERRORS as error:
        raise DatabaseProblem(f"The shard {shard} cannot be used: {error}.") from error
    finally:
        for connection in (home, other):
            if connection is not None:
                connection.terminate()


async def find_installation(home: asyncpg.Connection) -> UUID:
    """The id of the installation that a home database is of."""
    found: UUID = await home.fetchval("SELECT id FROM system.installation WHERE shard = $1", HOME)
    return found


async def is_ours(connection: asyncpg.Connection, installation: UUID, shard: str) -> bool:
    """Whether a database is that shard of this installation, and nothing else."""
    return bool(await connection.fetchval(OURS, installation, shard))


async def _connect(config: Config) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(plain_dsn(config.owner_url), timeout=config.database_connect_timeout)
    except DRIVER_ERRORS as error:
        raise DatabaseUnreachable(f"The database does not answer: {error or type(error).__name__}.") from error
