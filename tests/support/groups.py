"""The service as it is deployed: on a port, one process or several under a supervisor, which signals reach."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import httpx

from common.config import Config
from manage.embedded.process import spawn
from manage.listening import UVICORN
from tests.embedded.processes import descendants
from tests.support.servers import PLATFORM_KEY
from tests.support.world import API, PASSWORD
from tests.test_integration import ROOT, free_port, wait_until_ready

STOP_SECONDS: Final = 60.0
# As the image starts it (Dockerfile).
FLAGS: Final = ("--timeout-graceful-shutdown", "25", "--timeout-worker-healthcheck", "30", "--no-access-log")


class Group:
    """A service that is started, stopped and killed, and its port, which stays the same. ``more`` is added to the
    environment that follows from the configuration."""

    def __init__(
        self, config: Config, folder: Path, *, workers: int = 1, more: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.config = config
        self.workers_wanted = workers
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "service.log"
        self.data = folder / "data"
        self._environment = {
            **_environment_of(config),
            "DATA_DIR": str(self.data),
            "WORKERS": str(workers),
            "DRAIN_SECONDS": "0",
            **more,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that was started: the only one, or the supervisor of the others."""
        assert self._process is not None, "not started"
        return self._process

    def launch(self) -> None:
        """Start it, and wait for nothing. What it writes is added to its log. It ends with the tests, in any way."""
        command = [sys.executable, "-m", *UVICORN, "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as output:
            self._process = spawn(  # in a session of its own, as Ctrl-C reaches every process of a terminal's group
                [*command, "--workers", str(self.workers_wanted), *FLAGS],
                die_with=signal.SIGTERM,
                cwd=ROOT,
                env=self._environment,
                output=output,
            )

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.launch()
        self.wait()

    def wait(self) -> None:
        """Until it is ready."""
        wait_until_ready(self.url, self.process, self.log)

    def workers(self) -> set[int]:
        """The processes that answer requests, or are about to."""
        if self.workers_wanted == 1:
            return {self.process.pid}
        return {pid for pid in descendants(self.process.pid) if b"spawn_main" in _command_of(pid)}

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """Have it end in order; its exit code. Raises TimeoutExpired."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """End all of its processes at once."""
        self.process.send_signal(signal.SIGSTOP)  # a supervisor would start others meanwhile
        for pid in {self.process.pid, *descendants(self.process.pid)}:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def ask(self, method: str, path: str, headers: Mapping[str, str], **options: Any) -> httpx.Response:
        """An answer over a connection of its own, which any of the processes may accept."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60) as http:
            return http.request(method, API + path, headers=headers, **options)

    def sign_in(self, name: str) -> dict[str, str]:
        """The headers of the owner of a new tenant."""
        headers = {"X-Tenant-ID": name}
        admin = {"email": f"{name}@workers.example", "username": "owner", "password": PASSWORD}
        key = {"X-Platform-Key": PLATFORM_KEY}
        made = self.ask("POST", "/auth/initialize-tenant", headers | key, json={"name": name, "admin": admin})
        assert made.status_code == 201, made.text
        return self.log_in(name)

    def log_in(self, name: str) -> dict[str, str]:
        """The headers of the owner of a tenant, with a new token."""
        headers = {"X-Tenant-ID": name}
        answer = self.ask("POST", "/auth/login", headers, json={"username": "owner", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return {**headers, "Authorization": f"Bearer {answer.json()['access_token']}"}


def _environment_of(config: Config) -> dict[str, str]:
    """What has the service run with this configuration, as far as tests change it."""
    values = config.model_dump(exclude_unset=True, exclude={"data_dir", "work_off_jobs"})
    secrets = {name: value.get_secret_value() for name, value in values.items() if hasattr(value, "get_secret_value")}
    texts = {name: ",".join(value) if isinstance(value, tuple) else str(value) for name, value in values.items()}
    return {"PATH": os.environ["PATH"], **{name.upper(): value for name, value in (texts | secrets).items()}}


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def running_group(
    config: Config, folder: Path, *, workers: int = 1, more: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Group]:
    """One that is ready, and is stopped after the block, if that has not done so."""
    group = Group(config, folder, workers=workers, more=more)
    try:
        group.start()
        yield group
    finally:
        if group.process.poll() is None:
            group.stop()
