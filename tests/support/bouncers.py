"""PgBouncer in front of a test's PostgreSQL: in transaction mode, with fewer connections than clients."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import URL, make_url

from common.config import Config
from manage.embedded import EmbeddedPostgres
from manage.embedded.account import account_for
from manage.embedded.process import StopPlan, spawn
from manage.embedded.server import ENVIRONMENT, EmbeddedServer
from migrations.login import service_login
from tests.support.servers import Servers

PLACES: Final = ("/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer")
PREPARES_SINCE: Final = (1, 21)  # the first version that knows its clients' prepared statements
POOL_SIZE: Final = 3


@dataclass(frozen=True, slots=True)
class Program:
    """An installed PgBouncer."""

    path: Path
    version: tuple[int, int]

    @property
    def prepares(self) -> bool:
        """Whether prepared statements may outlive a transaction."""
        return self.version >= PREPARES_SINCE


@cache
def installed_bouncers() -> tuple[Program, ...]:
    """What ``tests/pgbouncer/install`` has put there, the oldest first."""
    found = []
    for path in filter(os.path.exists, PLACES):
        told = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
        version = re.search(r"PgBouncer (\d+)\.(\d+)", told)
        assert version is not None, told
        found.append(Program(Path(path), (int(version[1]), int(version[2]))))
    return tuple(sorted(found, key=lambda program: program.version))


class PgBouncer(EmbeddedServer):
    """A PgBouncer that lets one login role in. It runs as the user of PostgreSQL, since it refuses to run as root."""

    title: ClassVar[str] = "PgBouncer"
    socket_name: ClassVar[str] = ".s.PGSQL.65535"
    stop_plan: ClassVar[StopPlan] = ((signal.SIGINT, 5), (signal.SIGTERM, 2))

    def __init__(
        self,
        folder: Path,
        program: Program,
        server: EmbeddedPostgres,
        account: URL,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, settings, start_timeout=20)
        self.program = program
        self._server = server
        self._login = account
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])

    @property
    def url(self) -> str:
        """The login role's URL by way of PgBouncer's port on the loopback."""
        there = self._login.set(host="127.0.0.1", port=self._port, query={})
        return there.set(drivername="postgresql").render_as_string(hide_password=False)

    @property
    def socket_url(self) -> str:
        """The same by way of its socket, where a wire can listen in."""
        there = make_url(self.url).set(host=None, port=None)
        return there.set(query={"host": str(self.socket_dir), "port": str(self._port)}).render_as_string(False)

    def _prepare(self) -> None:
        account = account_for(self._server.data_dir)
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._choose_socket_dir(os.geteuid() if account.uid is None else account.uid)
        settings: dict[str, Any] = {
            "listen_addr": "127.0.0.1",
            "listen_port": self._port,
            "unix_socket_dir": self.socket_dir,
            "auth_type": "scram-sha-256",
            "auth_file": self.data_dir / "users.txt",
            "pool_mode": "transaction",
            "default_pool_size": POOL_SIZE,
            "max_client_conn": 500,
            **({"max_prepared_statements": 200} if self.program.prepares else {}),
            **self.settings,
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        databases = f"[databases]\n* = host={self._server.socket_dir} port=5432"
        (self.data_dir / "pgbouncer.ini").write_text("\n".join([databases, "[pgbouncer]", *lines, ""]))
        (self.data_dir / "users.txt").write_text(f'"{self._login.username}" "{self._login.password}"\n')
        for path in (self.data_dir, *self.data_dir.iterdir()):
            account.hand_over(path)

    def _launch(self) -> None:
        with self.log_path.open("ab") as log:
            self.process = spawn(
                [str(self.program.path), str(self.data_dir / "pgbouncer.ini")],
                die_with=signal.SIGTERM,
                run_as=account_for(self._server.data_dir).run_as,
                cwd=Path("/"),
                env=ENVIRONMENT,
                output=log,
            )

    def _answers(self) -> bool:
        with socket.socket() as client:
            client.settimeout(1)
            return client.connect_ex(("127.0.0.1", self._port)) == 0


def bouncer_for(servers: Servers, folder: Path, program: Program, database_url: str, **settings: str) -> PgBouncer:
    """A PgBouncer, not yet started, for the service's login role on this database."""
    login = make_url(service_login(servers.config(database_url)).url)
    return PgBouncer(folder, program, servers.postgres, login, settings)


def behind(servers: Servers, bouncer_url: str, database_url: str, *, prepared: bool, **changes: Any) -> Config:
    """The configuration of a service whose requests go through PgBouncer, and nothing else does."""
    return servers.config(
        bouncer_url,
        database_owner_url=database_url,
        database_direct_url=database_url,
        database_prepared_statements=prepared,
        **changes,
    )
