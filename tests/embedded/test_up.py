"""``python -m manage up``: one command from nothing to a login, and one sentence when that cannot be."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from manage.embedded import EmbeddedPostgres
from tests.embedded.processes import descendants, is_gone, wait_for

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "manage", "up"]


def free_port() -> int:
    """A port nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**variables: str) -> dict[str, str]:
    """Nothing of the shell that runs the tests."""
    return {"PATH": os.defpath, **variables}


class Run:
    """A started ``manage up``."""

    def __init__(self, *options: str, **variables: str) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [*COMMAND, *options],
            cwd=ROOT,
            env=environment(PORT=str(self.port), **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._watchdog = threading.Timer(90, self.process.kill)
        self.banner = ""
        self.below: set[int] = set()

    def __enter__(self) -> Self:
        self._watchdog.start()
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.banner += line
            if "Ctrl-C stops everything" in line:
                break
        assert self.process.poll() is None, self.banner
        self.below = descendants(self.process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        self._watchdog.cancel()
        self.process.terminate()
        self.process.communicate()

    def login(self) -> int:
        """The status of the login that the banner describes."""
        found = re.search(r"X-Tenant-ID: (\S+)'.*-d '(.*)'", self.banner, re.DOTALL)
        assert found is not None, self.banner
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"X-Tenant-ID": found[1], "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/auth/login", found[2], headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def end(self, *signals: signal.Signals) -> str:
        """Send the signals half a second apart; what was said from then on."""
        for number, signum in enumerate(signals):
            time.sleep(0.5 if number else 0)
            self.process.send_signal(signum)
        return self.process.communicate(timeout=40)[0]


@pytest.fixture
def unfinished_request() -> Iterator[Callable[[int], None]]:
    """A client that announces a body and never sends it."""
    with socket.socket() as client:

        def begin(port: int) -> None:
            client.connect(("127.0.0.1", port))
            client.sendall(
                b"POST /api/v1/auth/login HTTP/1.1\r\nHost: here\r\nX-Tenant-ID: tenant_demo\r\n"
                b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
            )
            time.sleep(0.2)

        yield begin


def test_from_nothing_to_a_login_and_back(folder: Path, unfinished_request: Callable[[int], None]) -> None:
    data = folder / "data"
    with Run(DATA_DIR=str(data)) as first:
        assert first.login() == 200
        assert (data / "secrets.env").stat().st_mode & 0o777 == 0o600
        secrets = (data / "secrets.env").read_text()
        unfinished_request(first.port)
        began = time.monotonic()
        said = first.end(signal.SIGTERM, signal.SIGINT)  # the second one is for the impatient
        assert time.monotonic() - began < 15
        assert first.process.returncode == 0
        assert "Everything is stopped." in said
        assert "Traceback" not in said
        assert all(is_gone(pid) for pid in first.below)
    with Run(DATA_DIR=str(data)) as second:
        assert second.login() == 200
        assert (data / "secrets.env").read_text() == secrets
        second.process.kill()
        second.process.wait()
        wait_for(lambda: all(is_gone(pid) for pid in second.below))


def test_given_servers_are_used_and_a_service_that_ends_by_itself_ends_it_all(
    folder: Path, cluster: EmbeddedPostgres
) -> None:
    cluster.create_database("given")
    given = {"DATABASE_URL": cluster.url("given"), "REDIS_URL": "none", "ENVIRONMENT": "production", "WORKERS": "2"}
    with Run("--no-demo", DATA_DIR=str(folder), **given) as run:
        assert [path.name for path in folder.iterdir()] == ["secrets.env"]
        kept = dict(re.findall(r"^(\w+)=(\S+)$", (folder / "secrets.env").read_text(), re.MULTILINE))
        assert not any(secret in run.banner for secret in kept.values())
        (service,) = [pid for pid in run.below if b"main:app" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(service, signal.SIGKILL)
        said = run.process.communicate(timeout=40)[0]
        assert run.process.returncode == 1
        assert said.splitlines()[-1].startswith("The service ended by itself (exit code -9)")
        wait_for(lambda: all(is_gone(pid) for pid in run.below))  # its workers, too
    assert cluster.is_running


@pytest.mark.parametrize(
    ("variables", "sentences"),
    [
        ({"PORT": "{taken}"}, [r"Port \d+ is taken: stop what listens there, or set PORT=\d+"]),
        ({"PORT": "many", "DATABASE_URL": "mysql://x"}, ["DATABASE_URL: must look like .*", "PORT: .*integer.*"]),
        ({"DATA_DIR": "{folder}/file/data"}, [r"DATA_DIR .*/file/data cannot be written: Not a directory\."]),
        ({"DATA_DIR": "{folder}"}, [".*/postgres holds files but not a complete database .*"]),
        ({"DATABASE_OWNER_URL": "postgresql://o:p@host/db"}, ["DATABASE_OWNER_URL is set but DATABASE_URL is not: .*"]),
        (
            {"DATABASE_URL": "postgresql://u:p@127.0.0.1:{closed}/d", "REDIS_URL": "none"},
            ["The database does not answer: .*"],
        ),
    ],
    ids=["port", "values", "unwritable", "foreign files", "half a database", "no database"],
)
def test_trouble_is_one_sentence(folder: Path, variables: dict[str, str], sentences: list[str]) -> None:
    (folder / "file").write_text("")
    (folder / "postgres").mkdir()
    (folder / "postgres" / "thesis.txt").write_text("")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        values = {"taken": listener.getsockname()[1], "closed": free_port(), "folder": folder}
        filled = {name: value.format(**values) for name, value in variables.items()}
        variables = {"PORT": str(free_port()), "DATA_DIR": str(folder / "data"), **filled}
        result = subprocess.run(
            COMMAND, cwd=ROOT, env=environment(**variables), capture_output=True, text=True, check=False, timeout=60
        )
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert len(lines) == len(sentences), result.stderr
    assert all(re.match(sentence, line) for sentence, line in zip(sentences, lines, strict=True)), result.stderr
