"""The service as it runs in production, its servers, and the bare routes beside it: each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.load import Order, Yield
from benchmarks.machine import OTHERS, pin
from benchmarks.things import CONTEXT, PASSWORD, SETTING, SETTING_VALUE, TENANT, flag_definition
from manage.embedded import EmbeddedPostgres, EmbeddedValkey
from manage.listening import QUIETLY, UVICORN

ROOT: Final = Path(__file__).parents[1]
DATABASE: Final = "bench"
API: Final = "/api/v1"
BULK: Final = "/ofrep/v1/evaluate/flags"
PLATFORM_KEY: Final = "the platform key of the benchmarks, long enough"
START_SECONDS: Final = 60.0
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A process that listens."""

    port: int
    process: subprocess.Popen[bytes]

    def cpu(self) -> float:
        """Seconds of processor time used so far (proc(5): fields 14 and 15)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(frozen=True)
class World:
    """Everything the figures are taken from. ``environment`` is what the service was started with.

    ``service`` and ``bare`` write a line for every request, each in its own form: the service one of JSON, the bare
    routes that of uvicorn, which is uvicorn's default. The ``silent`` two write none.
    """

    service: Server
    bare: Server
    silent_service: Server
    silent_bare: Server
    headers: Mapping[str, str]
    token: str
    postgres: EmbeddedPostgres
    environment: Mapping[str, str]
    folder: Path


def load(order: Order) -> subprocess.Popen[str]:
    """Start a client; ``collect`` waits for it."""
    command = [sys.executable, "-m", "benchmarks.load"]
    client = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdin is not None
    client.stdin.write(json.dumps(asdict(order)))
    client.stdin.close()
    return client


def collect(client: subprocess.Popen[str]) -> Yield:
    """What a client brought home."""
    assert client.stdout is not None
    result = json.load(client.stdout)
    client.wait()
    return Yield(**result)


@contextmanager
def running_world() -> Iterator[World]:
    """Start everything, with one tenant, its things, and its owner signed in, and stop it again."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres"))
        valkey = stack.enter_context(EmbeddedValkey(folder / "valkey"))
        pin(postgres.pid, OTHERS)
        postgres.create_database(DATABASE)
        environment = environment_of(postgres.url(DATABASE), valkey.url, folder / "data")
        program, silence = [*UVICORN, *QUIETLY, "--port"], {"LOG_LEVEL": "warning"}
        service = stack.enter_context(serving(program, environment, folder))
        silent = stack.enter_context(serving(program, {**environment, **silence}, folder))
        token = _sign_in(service.port)
        headers = {"X-Tenant-ID": TENANT, "Authorization": f"Bearer {token}"}
        _furnish(service.port, headers)
        _keep_answers(service.port, headers, token, folder)
        bare, silent_bare = (
            stack.enter_context(
                serving(["benchmarks.baselines"], lines, folder, after=[str(folder), postgres.url(DATABASE)])
            )
            for lines in ({}, silence)
        )
        yield World(service, bare, silent, silent_bare, headers, token, postgres, environment, folder)


def environment_of(database_url: str, redis_url: str, data_dir: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "a secret of the benchmarks, long enough",
        "PLATFORM_API_KEY": PLATFORM_KEY,
        "ENVIRONMENT": "production",
        "DATA_DIR": str(data_dir),
        # One address logs one user in thousands of times. The tries are counted all the same, only never refused.
        "LOGIN_TRIES_PER_CLIENT": "1000000",
        "LOGIN_TRIES_PER_ACCOUNT": "1000000",
        "LOGIN_TRIES_PER_ADDRESS": "1000000",
        "LOGIN_TRIES_OVERALL": "1000000",
        "ACCESS_TOKEN_SECONDS": "3600",
    }


@contextmanager
def serving(
    module: list[str], environment: Mapping[str, str], folder: Path, after: list[str] | None = None
) -> Iterator[Server]:
    """A process of ``python -m module PORT after...``, once it answers, until the block ends."""
    port = _free_port()
    command = [sys.executable, "-m", *module, str(port), *(after or [])]
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=log)
    try:
        _wait(port, process, folder / f"{port}.log")
        yield Server(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/readiness", trust_env=False)
        except httpx.HTTPError:
            time.sleep(0.02)
            continue
        if answer.status_code in {200, 404}:  # the bare routes have no such path
            return
        time.sleep(0.02)
    raise RuntimeError(f"nothing answers on port {port}: {log.read_text(errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _sign_in(port: int) -> str:
    admin = {"email": "owner@bench.example", "username": "owner", "password": PASSWORD, "full_name": "Owner"}
    body = {"name": "Benchmarks", "admin": admin}
    ask(port, "POST", f"{API}/auth/initialize-tenant", {"X-Platform-Key": PLATFORM_KEY}, json=body)
    pair = ask(port, "POST", f"{API}/auth/login", {}, json={"username": "owner", "password": PASSWORD})
    return str(pair.json()["access_token"])


def _furnish(port: int, headers: Mapping[str, str]) -> None:
    ask(port, "POST", f"{API}/settings", headers, json={"key": SETTING, **SETTING_VALUE})
    ask(port, "PUT", f"{API}/settings/feature-flags/definition", headers, json=flag_definition())


def _keep_answers(port: int, headers: Mapping[str, str], token: str, folder: Path) -> None:
    answers = {
        "me": ask(port, "GET", f"{API}/auth/me", headers),
        "test": ask(port, "GET", f"{API}/auth/test", headers),
        "introspect": ask(port, "POST", f"{API}/auth/introspect", headers, data={"token": token}),
        "setting": ask(port, "GET", f"{API}/settings/{SETTING}", headers),
        "flags": ask(port, "POST", BULK, headers, json={"context": CONTEXT}),
    }
    for name, answer in answers.items():
        (folder / f"{name}.json").write_bytes(answer.content)


def ask(port: int, method: str, path: str, headers: Mapping[str, str], **options: Any) -> httpx.Response:
    """An answer of the service. Raises RuntimeError if it is a refusal."""
    address = f"http://127.0.0.1:{port}{path}"
    with httpx.Client(trust_env=False, timeout=60) as client:
        answer = client.request(method, address, headers={"X-Tenant-ID": TENANT, **headers}, **options)
    if answer.status_code not in {200, 201}:
        raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
    return answer


def psql(world: World, command: str) -> str:
    """Run a command as the database's owner, in the tenant's schema; its output."""
    environment = {**os.environ, "PGOPTIONS": f"-c search_path={TENANT}"}
    program = [str(world.postgres.bin_dir / "psql"), world.postgres.url(DATABASE), "-qAtX", "-v", "ON_ERROR_STOP=1"]
    return subprocess.run([*program, "-c", command], env=environment, check=True, capture_output=True, text=True).stdout


def resident(server: Server, name: str) -> float:
    """Megabytes of a process (proc(5): ``VmRSS`` now, ``VmHWM`` at most)."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024
