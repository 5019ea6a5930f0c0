"""Creating a tenant: one transaction, from one prepared batch of DDL.

All or nothing: role, schema, tables, rights, seed, first administrator, audit entry and registry row commit together.
A creation that is killed leaves nothing behind that blocks the next. On a shard there are two transactions: the home's,
which holds the claim to the name, stays open until the shard's is committed; what it then does not come to register,
the next creation of that name removes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

import settings
from common.audit import PLATFORM, Actor, Change, Origin, Target
from common.clock import now
from common.config import Config
from common.errors import ArchiveInvalid, DatabaseUnavailable, InvalidRequest, TenantExists
from common.ids import TenantName, new_id
from common.postgresql.errors import DRIVER_ERRORS, NO_ANSWER
from common.shards import HOME
from common.storage import Storage
from database import quote_identifier
from migrations.archive import load_archive, read_manifest
from migrations.bootstrap import create_role, membership_options
from migrations.entries import note_for_platform, note_for_tenant
from migrations.leftovers import clear_site, refuse_stranger
from migrations.login import plain_dsn, service_login
from migrations.orders import order_jobs
from migrations.seals import adopt_signatures
from migrations.seed import digest, write_seed
from migrations.shards import find_installation, is_ours
from migrations.shared_rights import join_group_sql
from migrations.tenant import expected_revision, rights_sql, schema_sql
from serving.services import NewOwner

# Each creation holds a lock on every table and index it makes, some 350 with their TOAST tables, and PostgreSQL has
# room for 64 times max_connections, 6,400 by default, for all processes together (docs/scaling.md).
CONCURRENT_CREATIONS: Final = 4
MAX_TITLE: Final = 200
COMMAND_SECONDS: Final = 30.0  # many times what a request's own command needs; a frozen server holds it no longer
CLOSE_SECONDS: Final = 2.0
CREATING: Final = 7_300_002  # first half of the advisory lock that creations and moves of one name wait for

log = structlog.get_logger("platform")


class TenantProvisioner:
    """Creates tenants as the owner role."""

    def __init__(self, config: Config) -> None:
        self.storage = Storage(config)
        self.shards = (HOME, *config.shards)
        self._dsns = {name: plain_dsn(config.on(name).owner_url) for name in self.shards}
        self._logins = {name: service_login(config.on(name)).role for name in self.shards}
        self.has_replica = config.database_replica_url is not None
        self._placement = config.tenant_placement
        self._installation: UUID | None = None
        self._seals = settings.operators.audit_seals(config)
        self._timeout = config.database_connect_timeout
        self._slots = asyncio.Semaphore(CONCURRENT_CREATIONS)

    async def create(
        self,
        name: TenantName,
        *,
        title: str,
        owner: Callable[[], Awaitable[NewOwner]],
        origin: Origin,
        actor: Actor = PLATFORM,
        shard: str | None = None,
    ) -> UUID:
        """Create the tenant and its first user, who owns it; answers the user's id. Raises TenantExists."""
        async with self._slots:
            first_user = await owner()
            async with self.connection() as home, home.transaction():
                place = await self._claim(home, name, shard)
                async with self.beside(home, place) as connection:
                    await self.build(connection, name, place)
                    await write_seed(connection)
                    user_id = await _add_owner(connection, first_user)
                    await register(connection, name, title)
                    await note_for_tenant(connection, "tenant.created", Target("tenant", name.tenant_id, title), origin)
                    await note_for_tenant(
                        connection, "users.user.created", Target("user", str(user_id), first_user.username), origin
                    )
                    await join_group(connection, name)
                if place != HOME:
                    await register(home, name, title, shard=place)
                await note_for_platform(home, "tenant.created", name, title, actor, origin)
            return user_id

    async def restore(
        self,
        name: TenantName,
        path: Path,
        *,
        status: str,
        origin: Origin,
        actor: Actor = PLATFORM,
        source: TenantName | None = None,
        shard: str | None = None,
    ) -> None:
        """Make a tenant from an archive that ``read_manifest`` found good, or with ``source`` as that tenant's copy.
        Raises TenantExists or ArchiveInvalid."""
        manifest = await asyncio.to_thread(read_manifest, path)
        title = str(manifest["name"])[:MAX_TITLE]
        stored, written = self.storage.folder(name), list[UUID]()
        async with self._slots, self.connection(seconds=None) as home:
            try:
                async with home.transaction():
                    place = await self._claim(home, name, shard)
                    async with self.beside(home, place, seconds=None) as connection:
                        await self.build(connection, name, place)
                        await load_archive(connection, name, path, stored, written)
                        await adopt_signatures(connection, self._seals, _source_of(manifest), name)
                        await write_seed(connection)
                        await register(connection, name, title, status)
                        await order_jobs(connection, name)
                        await note_for_tenant(
                            connection, "tenant.imported", Target("tenant", name.tenant_id, title), origin
                        )
                        await join_group(connection, name)
                    if place != HOME:
                        await register(home, name, title, status, shard=place)
                    action, changes = _origin_of(source)
                    await note_for_platform(home, action, name, title, actor, origin, changes)
            except BaseException as error:
                await asyncio.shield(asyncio.ensure_future(stored.delete(written)))
                if isinstance(error, asyncpg.DataError | asyncpg.IntegrityConstraintViolationError):
                    raise ArchiveInvalid("The archive's rows contradict each other; nothing was stored.") from error
                raise

    @asynccontextmanager
    async def connection(
        self, shard: str = HOME, *, seconds: float | None = COMMAND_SECONDS
    ) -> AsyncIterator[asyncpg.Connection]:
        """A connection as the owner of that server's schemas, closed at the end. A command may take so many seconds, or
        with None as long as it needs, as one that copies a whole table does. Raises DatabaseUnavailable."""
        if shard not in self._dsns:
            log.error("shard_not_configured", shard=shard)
            raise DatabaseUnavailable
        try:
            connection = await asyncpg.connect(self._dsns[shard], timeout=self._timeout, command_timeout=seconds)
        except (*NO_ANSWER, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
            raise DatabaseUnavailable from error
        try:
            if shard != HOME and not await is_ours(connection, await self._find_installation(), shard):
                log.error("shard_not_ours", shard=shard)
                raise DatabaseUnavailable
            yield connection
        finally:
            await _close(connection)

    @asynccontextmanager
    async def beside(
        self, home: asyncpg.Connection, shard: str, *, seconds: float | None = COMMAND_SECONDS
    ) -> AsyncIterator[asyncpg.Connection]:
        """The transaction that changes a tenant where it is: at home the one that is open, which goes on; on a shard
        one of its own, which is committed at the end of the block, before the home's is."""
        if shard == HOME:
            yield home
            return
        async with self.connection(shard, seconds=seconds) as connection, connection.transaction():
            yield connection

    async def _find_installation(self) -> UUID:
        if self._installation is None:
            async with self.connection() as home:
                self._installation = await find_installation(home)
        return self._installation

    async def build(self, connection: asyncpg.Connection, name: TenantName, shard: str) -> None:
        """Role, schema and tables of a tenant, all empty. The caller has the claim to its name. Raises TenantExists."""
        if shard == HOME:
            await refuse_stranger(connection, name)
        else:
            await clear_site(connection, name, shard)
        version = connection.get_server_version()
        schema, role, login = (quote_identifier(text) for text in (name.schema, name.schema, self._logins[shard]))
        await connection.execute(
            f"{create_role(name.schema, 'NOLOGIN')};"
            f"GRANT {role} TO {login}{membership_options(version.major * 10_000)};"
            f"CREATE SCHEMA {schema};"
            f"SET LOCAL search_path TO {schema}, pg_temp;"
            f"{schema_sql()};"
            f"{rights_sql(name.schema, name.schema)}"
        )

    async def _claim(self, home: asyncpg.Connection, name: TenantName, shard: str | None) -> str:
        """Wait for other creations of the same name, then refuse if one of them won; answers where this one goes."""
        await home.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", CREATING, name.schema)
        if await home.fetchval("SELECT 1 FROM system.tenants WHERE id = $1", name.tenant_id):
            raise TenantExists
        if shard is not None:
            return self.known(shard)
        if len(self._placement) == 1:
            return self._placement[0]
        found = await home.fetch("SELECT shard, count(*) FROM system.tenants GROUP BY shard")
        numbers = {row["shard"]: row["count"] for row in found}
        return min(self._placement, key=lambda place: numbers.get(place, 0))

    def known(self, shard: str) -> str:
        """The shard itself. Raises InvalidRequest for one that is not configured."""
        if shard not in self._dsns:
            raise InvalidRequest(f"There is no shard {shard!r}: there are {', '.join(self.shards)}.")
        return shard


async def _close(connection: asyncpg.Connection) -> None:
    """Close politely, or else at once: a frozen server answers no good-bye."""
    try:
        await connection.close(timeout=CLOSE_SECONDS)
    except DRIVER_ERRORS:
        connection.terminate()


async def _add_owner(connection: asyncpg.Connection, owner: NewOwner) -> UUID:
    user_id = new_id()
    moment = now()
    await connection.execute(
        """INSERT INTO users (id, email, email_normalized, username, username_normalized, password_hash, full_name,
                              locale, timezone, is_verified, password_changed_at, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, true, $10, $10, $10)""",
        user_id,
        owner.email,
        owner.email_normalized,
        owner.username,
        owner.username_normalized,
        owner.password_hash,
        owner.full_name,
        owner.locale,
        owner.timezone,
        moment,
    )
    await connection.execute(
        "INSERT INTO user_roles (user_id, role_id) SELECT $1, id FROM roles WHERE name = 'owner'", user_id
    )
    return user_id


def _source_of(manifest: Mapping[str, Any]) -> str:
    """The schema that an archive's signatures name."""
    return f"tenant_{manifest['tenant_id']}"


async def register(
    connection: asyncpg.Connection,
    name: TenantName,
    title: str,
    status: str = "active",
    *,
    shard: str = HOME,
    seed: str | None = None,
) -> None:
    """The registry's row of a tenant of this version: at home, or in a shard's own registry, to which it is at home.
    ``seed`` is the digest of its seed if that is not this version's."""
    await connection.execute(
        """INSERT INTO system.tenants (id, schema_name, role_name, name, status, revision, seed_digest, shard)
           VALUES ($1, $2, $2, $3, $4, $5, $6, $7)""",
        name.tenant_id,
        name.schema,
        title,
        status,
        expected_revision(),
        seed or digest(),
        shard,
    )


async def join_group(connection: asyncpg.Connection, name: TenantName) -> None:
    """Let the tenant order jobs. To be done late: see ``shared_rights``."""
    version = connection.get_server_version().major * 10_000
    await connection.execute(join_group_sql(name.schema, version))


def _origin_of(source: TenantName | None) -> tuple[str, list[Change]]:
    """What the platform's log says of an archive that came in."""
    if source is None:
        return "tenant.imported", []
    return "tenant.cloned", [Change("source", None, source.tenant_id)]
