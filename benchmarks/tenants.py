"""Databases with many tenants, and what creating and migrating one is compared with: psql, and Alembic's command.

``python -m benchmarks.tenants URL SCHEMA`` is that command: Alembic from nothing to the newest revision in a schema of
its own, with what it needs to load before.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from passlib.context import CryptContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.servers import DATABASE, ROOT, TICKS, environment_of
from benchmarks.things import ARGON2, PASSWORD
from common.audit import Origin
from common.config import Config
from common.ids import TenantName
from database import quote_identifier
from manage.embedded import EmbeddedPostgres
from migrations.bootstrap import prepare_database
from migrations.login import plain_dsn
from migrations.provision import TenantProvisioner
from migrations.tenant import rights_sql, schema_sql
from migrations.trees import upgrade_in_turn
from serving.services import NewOwner

OWNER: Final = "owner@bench.example"
BARE: Final = "bare"  # a database for those that the service is compared with
# Nobody waits for the disk, neither the service nor psql: what is compared is work.
SETTINGS: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds, and seconds of processor time, which other programs of a busy machine disturb less."""

    seconds: float
    cpu: float


@dataclass(frozen=True)
class Place:
    """A PostgreSQL server with a prepared database, for tenants, and an empty one."""

    postgres: EmbeddedPostgres
    environment: dict[str, str]
    config: Config
    folder: Path
    password_hash: str

    def cost(self, run: Callable[[], object]) -> Cost:
        """What it costs to do this."""
        started, used = time.perf_counter(), self._processor_time()
        run()
        seconds = time.perf_counter() - started
        time.sleep(0.2)  # until the server has noticed that its processes have ended
        return Cost(seconds, self._processor_time() - used)

    def _processor_time(self) -> float:
        """Of this process, of those that it has started, and of those of the server that have ended."""
        pid = (self.postgres.data_dir / "postmaster.pid").read_text().partition("\n")[0]
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ours, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return (
            (int(fields[13]) + int(fields[14])) / TICKS
            + ours.ru_utime
            + ours.ru_stime
            + children.ru_utime
            + children.ru_stime
        )

    def psql(self, database: str, sql: str) -> None:
        """Have ``psql -f`` run this."""
        file = self.folder / "given.sql"
        file.write_text(sql)
        program = [str(self.postgres.bin_dir / "psql"), self.postgres.url(database), "-qXv", "ON_ERROR_STOP=1"]
        subprocess.run([*program, "-f", str(file)], check=True, stdout=subprocess.DEVNULL)

    def psql_create(self, schema: str) -> None:
        """The DDL of a tenant, in one transaction."""
        quoted = quote_identifier(schema)
        begin = f"BEGIN;\nCREATE ROLE {quoted};\nCREATE SCHEMA {quoted};\nSET LOCAL search_path TO {quoted}, pg_temp;"
        self.psql(BARE, f"{begin}\n{schema_sql()}\n{rights_sql(schema, schema)}\nCOMMIT;\n")

    def alembic_create(self, schema: str) -> None:
        """A tenant by Alembic's command."""
        program = [sys.executable, "-m", "benchmarks.tenants", self.postgres.url(BARE), schema]
        subprocess.run(program, cwd=ROOT, check=True)

    async def create(self, *names: str) -> None:
        """Tenants, made as an operator orders them."""
        await create_tenants(self.config, names, self.password_hash)

    async def grow(self, first: int, last: int) -> None:
        """Make the tenants of these numbers."""
        await self.create(*(f"grown{number}" for number in range(first, last)))


async def create_tenants(config: Config, names: Iterable[str], password_hash: str) -> list[TenantName]:
    """Make tenants as the platform does, some at once, but for their owners' password, which is hashed already: that
    takes the same everywhere."""
    provisioner = TenantProvisioner(config)

    async def owner() -> NewOwner:
        return NewOwner(OWNER, OWNER, "owner", "owner", password_hash, "Owner")

    async def create(name: str) -> TenantName:
        parsed = TenantName.parse(name)
        assert parsed is not None
        for last in (False, True):
            try:
                await provisioner.create(parsed, title=name, owner=owner, origin=Origin("benchmark"))
                break
            except TimeoutError:  # a server that is busy with a checkpoint
                if last:
                    raise
        return parsed

    return list(await asyncio.gather(*(create(name) for name in names)))


@contextmanager
def running_place() -> Iterator[Place]:
    """A server without tenants."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # root's server runs as another user
        with EmbeddedPostgres(folder / "postgres", settings=SETTINGS) as postgres:
            for database in (DATABASE, BARE):
                postgres.create_database(database)
            environment = environment_of(postgres.url(DATABASE), "none", folder / "data")
            config = Config(**{name.lower(): value for name, value in environment.items()})  # type: ignore[arg-type]
            asyncio.run(prepare_database(config))
            yield Place(postgres, environment, config, folder, CryptContext(["argon2"], **ARGON2).hash(PASSWORD))


def in_each(schemas: Sequence[str], statements: str, after: str = "") -> str:
    """The same statements in one transaction for each schema; ``after`` has a field ``schema``."""
    return "".join(
        f"BEGIN;\nSET LOCAL search_path TO {quote_identifier(schema)}, pg_temp;\n{statements}\n"
        f"{after.format(schema=schema)}\nCOMMIT;\n"
        for schema in schemas
    )


async def _migrate_from_nothing(url: str, schema: str) -> None:
    engine = create_async_engine(plain_dsn(url).replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.execute(text(f"CREATE SCHEMA {schema}"))
        await connection.execute(text(f"SET LOCAL search_path TO {schema}, pg_temp"))
        await upgrade_in_turn(connection, "tenant")
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(_migrate_from_nothing(*sys.argv[1:]))
