"""A service of two processes on one port, started the way the container starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.config import Config
from tests.embedded.processes import descendants
from tests.support.servers import PLATFORM_KEY, SECRET, Servers
from tests.support.world import API, PASSWORD
from tests.test_integration import ROOT, free_port, wait_until_ready

WORKERS = 2


@dataclass(frozen=True)
class Group:
    """The supervisor of the processes, where they listen, and their folder."""

    supervisor: subprocess.Popen[bytes]
    url: str
    config: Config
    folder: Path

    def workers(self) -> set[int]:
        """The processes that answer requests: those that have loaded the application."""
        return {pid for pid in descendants(self.supervisor.pid) if b"spawn_main" in _command_of(pid)}

    def ask(self, method: str, path: str, headers: dict[str, str], **options: Any) -> httpx.Response:
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
        pair = self.ask("POST", "/auth/login", headers, json={"username": "owner", "password": PASSWORD}).json()
        return {**headers, "Authorization": f"Bearer {pair['access_token']}"}


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def running_group(servers: Servers, folder: Path) -> Iterator[Group]:
    """Start it on an empty database, which both processes prepare at the same time."""
    config = servers.config(servers.new_database())
    assert config.redis_url is not None
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "ENVIRONMENT": "development",
        "DATABASE_URL": config.database_url.get_secret_value(),
        "REDIS_URL": config.redis_url.get_secret_value(),
        "SECRET_KEY": SECRET,
        "PLATFORM_API_KEY": PLATFORM_KEY,
        "PASSWORD_MEMORY_KIB": "1024",
        "DATA_DIR": str(folder / "data"),
        "WORKERS": str(WORKERS),
    }
    log = folder / "service.log"
    command = ["uvicorn", "main:app", "--http", "common.http.reception:BoundedHttp", "--workers", str(WORKERS)]
    flags = [
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--timeout-graceful-shutdown",
        "25",
        "--timeout-worker-healthcheck",
        "30",
        "--no-access-log",
    ]
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", *command, *flags],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches every process of a terminal's group
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, supervisor, log)
        yield Group(supervisor, url, config, folder)
    finally:
        if supervisor.poll() is None:
            supervisor.send_signal(signal.SIGTERM)
            supervisor.wait(60)


@pytest.fixture(scope="module")
def group(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """One for the tests that leave it running."""
    with running_group(servers, tmp_path_factory.mktemp("group")) as started:
        yield started
