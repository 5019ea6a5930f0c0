"""A primary with a streaming standby, both real, and two workers of the service on them."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import run
from typing import Any, Final
from urllib.parse import quote

import asyncpg
from prometheus_client.parser import text_string_to_metric_families

from manage.embedded import EmbeddedPostgres
from manage.embedded.account import account_for
from tests.cache.gate import Gate, gate_to
from tests.cache.valkey import Stoppable, own_valkey
from tests.cache.workers import Pair, Worker, pair_of
from tests.support.apps import connect
from tests.support.servers import Servers
from tests.support.waiting import until
from tests.support.wire import Wire, wire_to
from tests.support.world import Api, TestTenant, create_tenant

DATABASE: Final = "replicated"
OUTCOMES: Final = "database_replica_reads"
PATIENCE: Final = 120.0  # seconds; a replica is used some ten seconds after a start
ON_PRIMARY: Final = {"fsync": "off", "full_page_writes": "off"}  # but each commit is sent at once
ON_STANDBY: Final = {"fsync": "off", "max_standby_streaming_delay": "0"}  # what is in the way of replay ends at once


class Standby:
    """The standby, to be paused, frozen, killed and looked into."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server
        self.url = server.url(DATABASE)

    async def ask(self, query: str) -> Any:
        """One value, past the service. Replay ends who is in its way, here too."""
        while True:
            with suppress(asyncpg.SerializationError, asyncpg.ConnectionDoesNotExistError):
                async with connect(self.url) as connection:
                    return await connection.fetchval(query)

    async def pause(self) -> None:
        """It receives what is written, and shows none of it."""
        await self.ask("SELECT pg_wal_replay_pause()")
        await until(lambda: self.ask("SELECT pg_get_wal_replay_pause_state() = 'paused'"))

    async def resume(self) -> None:
        """It catches up."""
        await self.ask("SELECT pg_wal_replay_resume()")

    async def catch_up(self, primary_url: str) -> None:
        """Wait until it shows everything that has been written."""
        async with connect(primary_url) as primary:
            position = await primary.fetchval("SELECT pg_current_wal_flush_lsn()::text")
        await until(lambda: self.ask(f"SELECT pg_last_wal_replay_lsn() >= '{position}'"))

    def signal(self, number: signal.Signals) -> None:
        """Freeze, thaw or kill every process of the server."""
        family = run(["ps", "-o", "pid=", "--ppid", str(self.server.pid)], capture_output=True, text=True, check=False)
        for pid in [self.server.pid, *map(int, family.stdout.split())]:
            os.kill(pid, number)


@dataclass(frozen=True)
class Stage:
    """Two workers; ``there`` reaches the standby through a wire, ``here`` Valkey through a gate."""

    pair: Pair
    primary: EmbeddedPostgres
    standby: Standby
    valkey: Stoppable
    gate: Gate
    wire: Wire
    primary_wire: Wire
    tenants: tuple[TestTenant, TestTenant]

    @property
    def primary_url(self) -> str:
        """The owner's."""
        return self.primary.url(DATABASE)

    def at(self, worker: Worker, tenant: TestTenant) -> Api:
        """The owner of a tenant, as a client of one of the workers."""
        return Api(worker.http, tenant.owner.headers)

    async def is_used(self) -> bool:
        """Whether reads of both tenants are answered by the standby, in both workers."""
        for worker in self.pair.both:
            for tenant in self.tenants:
                before = await outcomes(worker)
                assert (await worker.do(self.at(worker, tenant).get("/tools/notes"))).status_code == 200
                if (await outcomes(worker)).get("replica", 0) == before.get("replica", 0):
                    return False
        return True


async def outcomes(worker: Worker) -> dict[str, float]:
    """The reads that the standby might have answered, by what became of them."""
    text = (await worker.do(worker.http.get("/metrics"))).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    return {item.labels["outcome"]: item.value for item in families[OUTCOMES].samples if item.name.endswith("_total")}


@contextmanager
def replicated() -> Iterator[tuple[EmbeddedPostgres, EmbeddedPostgres]]:
    """A primary and its standby, made as an operator makes one."""
    folder = Path(tempfile.mkdtemp(prefix="ss-"))
    folder.chmod(0o755)  # root's server runs as another user
    try:
        with EmbeddedPostgres(folder / "primary", settings=ON_PRIMARY) as primary:
            primary.create_database(DATABASE)
            copy_cluster(primary, folder / "standby")
            with EmbeddedPostgres(folder / "standby", settings=ON_STANDBY) as standby:
                yield primary, standby
    finally:
        shutil.rmtree(folder)


def copy_cluster(primary: EmbeddedPostgres, folder: Path) -> None:
    """``pg_basebackup -R``."""
    account = account_for(primary.data_dir)
    folder.mkdir(mode=0o700)
    account.hand_over(folder)
    address = f"host={primary.socket_dir} port=5432 user=postgres password={quote(primary.password)}"
    command = [str(primary.bin_dir / "pg_basebackup"), "-D", str(folder), "-d", address, "-R", "--checkpoint=fast"]
    done = run(command, cwd="/", capture_output=True, text=True, check=False, **account.run_as)
    assert done.returncode == 0, done.stderr
    for copied in folder.glob(".s.PGSQL.*"):  # the primary's socket lies in its folder
        copied.unlink()


@asynccontextmanager
async def staged(servers: Servers) -> AsyncIterator[Stage]:
    """All of it started, the standby in use."""
    with replicated() as (primary, server):
        standby, url = Standby(server), primary.url(DATABASE)
        async with (
            own_valkey() as valkey,
            gate_to(valkey.socket_path) as gate,
            wire_to(standby.url) as wire,
            wire_to(url) as primary_wire,
        ):
            here = servers.config(
                primary_wire.url,
                database_owner_url=url,
                database_direct_url=url,
                database_replica_url=standby.url,
                redis_url=gate.url,
            )
            there = servers.config(url, database_replica_url=wire.url, redis_url=valkey.url)
            async with pair_of(here, there) as pair:
                tenants = (await create_tenant(pair.here.http), await create_tenant(pair.here.http))
                stage = Stage(pair, primary, standby, valkey, gate, wire, primary_wire, tenants)
                await until(stage.is_used, PATIENCE)
                yield stage
