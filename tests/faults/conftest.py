"""Servers that these tests may kill, freeze and starve, the service as it is deployed, and the table of figures."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from manage.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.embedded.processes import descendants
from tests.faults.figures import FIGURES, FILE, as_table
from tests.support.groups import Group, running_group
from tests.support.servers import Servers

WORKERS: Final = 2
TENANTS: Final = ("tenant_one", "tenant_two", "tenant_three", "tenant_four")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, and keep it."""
    if not FIGURES:
        return
    FILE.parent.mkdir(exist_ok=True)
    table = as_table(FIGURES.values())
    FILE.write_text(table, encoding="utf-8")
    terminalreporter.section(f"what was measured ({FILE.name} in {FILE.parent})")
    terminalreporter.write(table)


class Breakable:
    """A PostgreSQL whose commits wait for the disk, and all of its processes."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server

    def signal(self, signum: signal.Signals, *, children: bool = True) -> None:
        """Send it to the server: to all of its processes at once, or to the first of them only."""
        pids = [self.server.pid, *(sorted(descendants(self.server.pid)) if children else ())]
        for pid in pids:
            try:
                os.kill(pid, signum)
            except ProcessLookupError:
                continue

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It stays connected and says nothing."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def kill(self, *, children: bool = True) -> None:
        """End it without a word. Children that are left notice by themselves."""
        self.signal(signal.SIGKILL, children=children)
        assert self.server.process is not None
        self.server.process.wait()

    def start(self) -> float:
        """Start it again; the moment at which it answered."""
        self.server.start()
        return time.monotonic()


@contextmanager
def breakable_postgres(settings: Mapping[str, str] | None = None) -> Iterator[Breakable]:
    """On disk and with ``fsync``, unlike the servers of other tests: an acknowledged commit is one that was written."""
    folder = Path(tempfile.mkdtemp(prefix="ss-"))
    folder.chmod(0o755)  # root's server runs as another user
    server = EmbeddedPostgres(folder / "postgres", settings=settings).start()
    try:
        yield Breakable(server)
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Breakable]:
    """One for the tests of a file."""
    with breakable_postgres() as started:
        started.server.create_database("service")
        yield started


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedValkey]:
    """One for the tests of a file."""
    folder = Path(tempfile.mkdtemp(prefix="ss-"))
    server = EmbeddedValkey(folder / "valkey").start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def group(
    servers: Servers, postgres: Breakable, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Group]:
    """The service on these servers, two processes."""
    config = servers.config(postgres.server.url("service"), redis_url=valkey.url)
    with running_group(config, tmp_path_factory.mktemp("group"), workers=WORKERS) as started:
        yield started


@pytest.fixture(scope="module")
def people(group: Group) -> list[dict[str, str]]:
    """The headers of the owners of a few tenants."""
    return [group.sign_in(name) for name in TENANTS]
