"""A stop under load, and replicas that are replaced one after the other behind a balancer: no request fails."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.embedded.processes import wait_for
from tests.faults.conftest import WORKERS, Breakable
from tests.faults.crowd import Question, asking
from tests.faults.figures import milliseconds, note, once_more, within
from tests.support.apps import connect
from tests.support.groups import Group, running_group
from tests.support.servers import Servers
from tests.support.world import API
from tests.test_integration import free_port

EXIT_SECONDS: Final = 30.0
RESTARTS: Final = 10
DRAIN: Final = {"DRAIN_SECONDS": "2"}
BRIEF: Final = {"DRAIN_SECONDS": "2"}  # longer than the balancer takes to notice, which asks every 200 ms
SERVED_BY: Final = "X-Served-By"

# Nothing is sent twice by the balancer: what it passes on to a replica that is about to stop must be answered there.
BALANCER: Final = """\
global
    maxconn 200
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout check 2s
    retries 0
frontend service
    bind 127.0.0.1:{port}
    default_backend replicas
backend replicas
    option httpchk GET /readiness
    http-response set-header X-Served-By %s
    default-server check inter 200ms fall 1 rise 1
{servers}
"""


def usual(people: Sequence[dict[str, str]]) -> list[Question]:
    """Reads and writes of every tenant."""
    questions = []
    for headers in people:
        questions += [
            Question("read", "GET", f"{API}/users", headers),
            Question("me", "GET", f"{API}/auth/me", headers),
            Question("write", "POST", f"{API}/tools/notes", headers, {"title": "asked"}),
        ]
    return questions


async def readiness_of(group: Group, times: list[tuple[float, int]]) -> None:
    """Ask for it again and again, over a connection of its own each time, as a balancer does."""
    while True:
        async with httpx.AsyncClient(base_url=group.url, trust_env=False) as http:
            times.append((time.monotonic(), (await http.get("/readiness")).status_code))
        await asyncio.sleep(0.02)


@pytest.mark.promise("S5")
@once_more
async def test_a_stop_under_load_is_known_at_once_and_finishes_what_is_under_way(
    servers: Servers, postgres: Breakable, people: list[dict[str, str]], tmp_path: Path
) -> None:
    """One request waits for a lock all the while, and is answered like those that came before the stop."""
    config = servers.config(postgres.server.url("service"), redis_url="none", log_level="info")
    with running_group(config, tmp_path, workers=WORKERS, more=DRAIN) as group:
        made = await asyncio.to_thread(group.ask, "POST", "/tools/notes", people[0], json={"title": "held"})
        path, changed = f"/tools/notes/{made.json()['id']}", people[0] | {"If-Match": '"v1"'}
        async with connect(config.owner_url) as owner, owner.transaction():
            await owner.execute("SELECT FROM tenant_one.notes FOR UPDATE")
            held = asyncio.create_task(asyncio.to_thread(group.ask, "PATCH", path, changed, json={"title": "done"}))
            async with asking(group.port, usual(people[1:])) as crowd:
                await asyncio.sleep(1)
                probes: list[tuple[float, int]] = []
                probing = asyncio.create_task(readiness_of(group, probes))
                await asyncio.sleep(0.5)
                stopped = time.monotonic()
                group.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(1.5)  # less than the draining takes: everybody is served meanwhile
                drained = time.monotonic()
                crowd.stop()
            probing.cancel()
            assert not held.done()
        answer = await held
        await asyncio.to_thread(group.process.wait, EXIT_SECONDS)
        ended = time.monotonic() - stopped

    known = max(at for at, status in probes if status == 200) - stopped  # of both processes
    note(
        "SIGTERM under load, two processes",
        seen="nothing: what was under way was answered",
        measured=f"/readiness 503 after {milliseconds(known)}, {len(crowd.of(since=stopped, until=drained))} requests "
        f"served while draining, exit code {group.process.returncode} after {ended:.1f} s",
    )
    assert answer.status_code == 200
    assert set(crowd.statuses()) <= {200, 201}
    assert {status for at, status in probes if at > stopped + known} == {503}
    assert {status for at, status in probes if at < stopped} == {200}
    assert group.process.returncode == 0
    assert group.log.read_text().count("service_stopped") == WORKERS
    within(known, 1.0)  # the supervisor looks for signals twice a second
    within(ended, EXIT_SECONDS)


@contextmanager
def balancer(folder: Path, replicas: Sequence[Group]) -> Iterator[int]:
    """HAProxy in front of them, which sends requests where ``/readiness`` says 200; its port."""
    port, file = free_port(), folder / "haproxy.cfg"
    servers = "\n".join(f"    server r{each.port} 127.0.0.1:{each.port}" for each in replicas)
    file.write_text(BALANCER.format(port=port, servers=servers))
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program, "tests/faults/install installs HAProxy"
    process = subprocess.Popen([program, "-db", "-f", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _is_served(port))
        yield port
    finally:
        process.terminate()
        process.wait()


def _is_served(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


async def replace(group: Group) -> None:
    """Stop a replica in order, and start it anew."""
    await asyncio.to_thread(group.stop, EXIT_SECONDS)
    group.launch()
    await asyncio.to_thread(group.wait)


@pytest.mark.promise("S5")
async def test_a_rolling_restart_of_two_replicas_fails_no_request(
    servers: Servers, postgres: Breakable, people: list[dict[str, str]], tmp_path: Path
) -> None:
    config = servers.config(postgres.server.url("service"), redis_url="none")
    folders = [tmp_path / name for name in ("left", "right")]
    for folder in folders:
        folder.mkdir()
    with (
        running_group(config, folders[0], more=BRIEF) as left,
        running_group(config, folders[1], more=BRIEF) as right,
        balancer(tmp_path, (left, right)) as port,
    ):
        async with asking(port, usual(people), pause=0.05) as crowd:
            for replica in (left, right) * RESTARTS:
                await replace(replica)
                await until_served_by(port, 2)

    statuses = crowd.statuses()
    failed = sum(count for status, count in statuses.items() if status not in {200, 201})
    note(
        f"A rolling restart of two replicas behind HAProxy, {RESTARTS} times",
        seen="nothing",
        measured=f"{sum(statuses.values())} requests, {failed} failed",
    )
    assert set(statuses) <= {200, 201}


async def until_served_by(port: int, count: int) -> None:
    """Wait until the balancer has so many replicas to choose from."""
    names = set[str]()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http, asyncio.timeout(30):
        while len(names) < count:
            names.add((await http.get("/health")).headers[SERVED_BY])
            await asyncio.sleep(0.02)
