"""The service as it runs for real, a process on a port, with two twin tenants and nothing that counts requests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx
import pytest

from migrations.login import plain_dsn
from tests.embedded.processes import descendants
from tests.support.servers import Servers
from tests.support.world import TestTenant, create_twin
from tests.test_integration import running_service


@dataclass(frozen=True)
class Live:
    """Where the service listens, what it writes, and its database as the owner sees it."""

    url: str
    platform_key: str
    log: Path
    owner_url: str

    @cached_property
    def process(self) -> Path:
        """What the system knows of the process that listens there (proc(5))."""
        port = self.url.rpartition(":")[2].encode()
        folders = [Path(f"/proc/{pid}") for pid in descendants(os.getpid())]
        (found,) = (path for path in folders if (path / "cmdline").read_bytes().endswith(b"\0--port\0%s\0" % port))
        return found

    def memory(self, line: str) -> int:
        """Bytes that it has, or had at its peak: ``VmRSS`` and ``VmHWM``."""
        return 1024 * int((self.process / "status").read_text().partition(f"{line}:")[2].split()[0])

    def forget_peak(self) -> None:
        """Let the peak be what it has now."""
        (self.process / "clear_refs").write_text("5")

    async def twin(self, name: str) -> TestTenant:
        """A tenant with a person for every role; its clients answer inside the test that made it."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=30) as http:
            return await create_twin(http, name)


@pytest.fixture(scope="session")
def live(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Started once for each test process. When it ends, a single line of level ``error`` in its log fails the run:
    whatever a client sends, that is no defect of ours."""
    folder, database = tmp_path_factory.mktemp("live"), servers.new_database()
    environment = {
        "DATABASE_URL": database,
        "RATE_LIMIT_ENABLED": "false",  # else all that fuzzing would see is 429
        "WORK_OFF_JOBS": "false",
        "LOG_LEVEL": "warning",
        "PASSWORD_MEMORY_KIB": "1024",
        "ACCESS_TOKEN_SECONDS": "3600",
        "DATA_DIR": str(folder / "data"),
        "HEAD_SECONDS": "2",
        "BODY_STALL_SECONDS": "2",
    }
    log = folder / "service.log"
    with running_service(servers, log, environment) as (url, platform_key):
        yield Live(url, platform_key, log, plain_dsn(database))
