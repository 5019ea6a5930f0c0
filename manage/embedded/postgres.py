"""A PostgreSQL server from the wheel's executables: for ``make run`` and for the tests."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from manage.embedded.account import Account, account_for
from manage.embedded.binaries import SYSTEM_FOLDER, postgres_bin_dir, reachable_bin_dir
from manage.embedded.homes import live_postmaster, reachable_data_dir
from manage.embedded.process import EmbeddedServerError, StopPlan, spawn
from manage.embedded.server import ENVIRONMENT, EmbeddedServer
from manage.embedded.sockets import remove_folder

SUPERUSER = "postgres"
DATABASE = "multitenant_db"  # where `make run` keeps everything
PORT = 5432  # only part of the socket's name
PASSWORD_FILE = "superuser.password"  # noqa: S105 - a file name; inside the cluster, so that the two are never apart

PREDECESSOR_SECONDS = 10.0  # a fast shutdown writes out at most shared_buffers

DEVELOPMENT_SETTINGS: Mapping[str, str] = {
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_locks_per_transaction": "256",  # dropping or cloning a tenant locks every table of its schema
    "max_wal_size": "256MB",
    "jit": "off",
    "log_line_prefix": "%m ",
    "timezone": "UTC",
}


class EmbeddedPostgres(EmbeddedServer):
    """One cluster, reachable through a unix socket only, every role with a password (SCRAM).

    The folder is initialised at the first start. Root hands it to another user, and where that user cannot reach it the
    cluster lives below ``system_folder`` instead: ``data_dir`` tells where, once started.
    """

    title: ClassVar[str] = "PostgreSQL"
    socket_name: ClassVar[str] = f".s.PGSQL.{PORT}"
    # Fast shutdown; immediate shutdown, after which the postmaster itself kills its children within 5 s.
    stop_plan: ClassVar[StopPlan] = ((signal.SIGINT, 60), (signal.SIGQUIT, 10))

    def __init__(
        self,
        data_dir: Path,
        bin_dir: Path | None = None,
        settings: Mapping[str, str] | None = None,
        *,
        start_timeout: float = 300,  # crash recovery replays up to max_wal_size
        system_folder: Path = SYSTEM_FOLDER,
    ) -> None:
        super().__init__(data_dir, {**DEVELOPMENT_SETTINGS, **(settings or {})}, start_timeout=start_timeout)
        self._wanted_dir = self.data_dir
        self._bin_dir = bin_dir
        self._system_folder = system_folder
        self._account = Account(name="")

    @property
    def bin_dir(self) -> Path:
        """The executables in use: also ``psql``, ``pg_dump`` and their like."""
        self._bin_dir = self._bin_dir or postgres_bin_dir()
        return self._bin_dir

    @property
    def password(self) -> str:
        """The superuser's password, made at the first start."""
        return (self.data_dir / PASSWORD_FILE).read_text().strip()

    def url(self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None) -> str:
        """A ``postgresql://`` URL; the password is needed for users other than the superuser."""
        secret = quote(self.password if password is None else password, safe="")
        address = f"host={quote(str(self.socket_dir))}&port={PORT}"  # a port, so that PGPORT has no say
        return f"postgresql://{quote(user, safe='')}:{secret}@/{quote(database, safe='')}?{address}"

    def create_database(self, name: str) -> None:
        """Create an empty database unless it exists."""
        result = self._run(
            "createdb",
            "-h",
            str(self.socket_dir),
            "-p",
            str(PORT),
            "-U",
            SUPERUSER,
            "--",
            name,
            PGPASSWORD=self.password,
        )
        if result.returncode != 0 and "already exists" not in result.stderr:
            raise EmbeddedServerError(f"The database {name} cannot be created: {result.stderr.strip()}")

    def _prepare(self) -> None:
        self.data_dir = reachable_data_dir(self._wanted_dir.resolve(), self._system_folder)
        self._account = account_for(self.data_dir)
        self._acquire_lock()
        self._bin_dir = reachable_bin_dir(self.bin_dir, self._account, self._system_folder)
        if not self.data_dir.is_dir() or not any(self.data_dir.iterdir()):
            self._initialise()
        self._check_cluster()
        self._wait_for_predecessor()
        self._choose_socket_dir(os.geteuid() if self._account.uid is None else self._account.uid)

    def _initialise(self) -> None:
        """Build the cluster elsewhere and rename it: a killed ``initdb`` leaves no half a cluster."""
        for leftover in self.data_dir.parent.glob(f"{self.data_dir.name}.new-*"):
            remove_folder(leftover)
        staging = Path(tempfile.mkdtemp(prefix=f"{self.data_dir.name}.new-", dir=self.data_dir.parent))
        try:
            password = staging / PASSWORD_FILE
            password.touch(mode=0o600)
            password.write_text(f"{secrets.token_urlsafe(24)}\n")
            for path in (password, staging):
                self._account.hand_over(path)
            self._initdb(staging / "cluster", password)
            password.rename(staging / "cluster" / PASSWORD_FILE)
            (staging / "cluster").rename(self.data_dir)
        finally:
            remove_folder(staging)

    def _initdb(self, cluster: Path, password: Path) -> None:
        command = [
            "-D",
            str(cluster),
            "-U",
            SUPERUSER,
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            "--encoding=UTF8",
        ]
        if self._binary_version() >= 17:  # the provider that sorts and folds alike on every system
            command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            command += ["--locale=C.UTF-8"]
        if self.settings.get("fsync") == "off":
            command.append("--no-sync")
        result = self._run("initdb", *command)
        if result.returncode != 0:
            reason = (result.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise EmbeddedServerError(f"PostgreSQL cannot initialise {self.data_dir}: {reason}")

    def _check_cluster(self) -> None:
        parts = ("PG_VERSION", "global/pg_control", PASSWORD_FILE)
        if missing := [part for part in parts if not (self.data_dir / part).is_file()]:
            raise EmbeddedServerError(
                f"{self.data_dir} holds files but not a complete database of this program ({missing[0]} is missing): "
                "move the folder away, or set DATA_DIR."
            )
        made_by = (self.data_dir / "PG_VERSION").read_text().strip()
        if made_by != str(version := self._binary_version()):
            raise EmbeddedServerError(
                f"{self.data_dir} was made by PostgreSQL {made_by} and the server here is version {version}: "
                "move the folder away, or dump it with the old version first."
            )

    def _binary_version(self) -> int:
        match = re.search(r"\(PostgreSQL\) (\d+)", self._run("postgres", "--version").stdout)
        if match is None:
            raise EmbeddedServerError(f"{self.bin_dir}/postgres does not run on this machine.")
        return int(match[1])

    def _wait_for_predecessor(self) -> None:
        """Holding the lock, a live server on this folder is one whose supervisor was killed, and about to stop."""
        deadline = time.monotonic() + PREDECESSOR_SECONDS
        while (pid := live_postmaster(self.data_dir)) is not None:
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"{self.data_dir} is served by a PostgreSQL that runs already (process {pid}): stop it first, "
                    "or give this one its own folder with DATA_DIR."
                )
            time.sleep(0.1)

    def _launch(self) -> None:
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log_path.open("ab") as log:
            self.process = spawn(
                [str(self.bin_dir / "postgres"), "-D", str(self.data_dir), *options],
                die_with=signal.SIGINT,
                run_as=self._account.run_as,
                cwd=Path("/"),
                env=ENVIRONMENT,
                output=log,
            )

    def _answers(self) -> bool:
        return (
            self._run(
                "pg_isready", "-q", "-h", str(self.socket_dir), "-p", str(PORT), "-U", SUPERUSER, "-t", "1"
            ).returncode
            == 0
        )

    def _explain_early_end(self) -> EmbeddedServerError | None:
        # After kill -9 of the postmaster its children need a moment to notice and let go of the shared memory.
        if "shared memory block" in self.log_path.read_text(errors="replace"):
            self._rotate_log()
            return None
        return super()._explain_early_end()

    def _run(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin_dir / program), *arguments],
            cwd="/",
            env={**ENVIRONMENT, **environment},
            capture_output=True,
            text=True,
            check=False,
            **self._account.run_as,
        )
