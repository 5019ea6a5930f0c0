"""Several processes on one port are one service: what is prepared, done or ended is so once and for all of them."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from tests.embedded.processes import is_gone, wait_for
from tests.support.apps import connect
from tests.support.groups import Group
from tests.support.servers import Servers
from tests.workers.conftest import WORKERS, running_pair

CONNECTIONS: Final = 30  # that all of them are accepted by the same process does not happen in the life of the world
PATIENCE: Final = 300.0


def count(group: Group, query: str) -> int:
    """A number from the service's database."""

    async def fetch() -> int:
        async with connect(group.config.owner_url) as owner:
            return int(await owner.fetchval(query))

    return asyncio.run(fetch())


def statuses(group: Group, path: str, headers: dict[str, str]) -> set[int]:
    """What a number of connections get."""
    return {group.ask("GET", path, headers).status_code for _ in range(CONNECTIONS)}


def test_both_are_there_and_the_database_was_prepared_once(group: Group) -> None:
    wait_for(lambda: len(group.workers()) == WORKERS, PATIENCE)
    log = group.log
    wait_for(lambda: log.read_text().count("service_started") == WORKERS, PATIENCE)

    assert count(group, "SELECT count(*) FROM system.alembic_version") == 1
    assert "database_not_prepared" not in log.read_text()


@pytest.mark.promise("I2")
def test_what_is_revoked_is_refused_by_both_within_a_second(group: Group) -> None:
    headers = group.sign_in("tenant_revoked")
    assert statuses(group, "/auth/test", headers) == {200}

    assert group.ask("POST", "/auth/logout", headers).status_code == 204
    time.sleep(1.0)

    assert statuses(group, "/auth/test", headers) == {401}


def test_every_mail_is_sent_once(group: Group) -> None:
    group.sign_in("tenant_mailed")
    mails = group.data / "mail"
    before = len(mailed_to("tenant_mailed@", mails))

    for _ in range(3):
        body = {"email": "tenant_mailed@workers.example"}
        answer = group.ask("POST", "/auth/password/forgot", {"X-Tenant-ID": "tenant_mailed"}, json=body)
        assert answer.status_code == 202, answer.text

    wait_for(lambda: count(group, "SELECT count(*) FROM system.outbox") == 0, PATIENCE)
    assert len(mailed_to("tenant_mailed@", mails)) - before == 3


def mailed_to(address: str, folder: Path) -> list[Path]:
    """The mails to an address."""
    return [path for path in folder.glob("*.eml") if f"To: {address}" in path.read_text()]


def test_one_that_is_killed_is_replaced(group: Group) -> None:
    headers = group.sign_in("tenant_survivor")
    wait_for(lambda: len(group.workers()) == WORKERS, PATIENCE)
    before = group.workers()
    victim = min(before)

    os.kill(victim, signal.SIGKILL)

    wait_for(lambda: is_gone(victim) and len(group.workers()) == WORKERS, PATIENCE)
    assert len(group.workers() - before) == 1
    log = group.log
    wait_for(lambda: log.read_text().count("service_started") == WORKERS + 1, PATIENCE)
    assert statuses(group, "/auth/test", headers) == {200}


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT], ids=["terminated", "ctrl_c"])
def test_a_stop_waits_for_the_request_in_hand(servers: Servers, tmp_path: Path, signum: signal.Signals) -> None:
    """SIGTERM goes to the supervisor, Ctrl-C to the whole group."""
    with running_pair(servers, tmp_path) as group, ThreadPoolExecutor(1) as pool:
        headers = group.sign_in("tenant_patient")
        team = group.ask("POST", "/users/teams", headers, json={"name": "held"}).json()["id"]
        workers = group.workers()

        async def stop_meanwhile() -> int:
            async with connect(group.config.owner_url) as owner, owner.transaction():
                await owner.execute("SELECT FROM tenant_patient.teams FOR UPDATE")
                body = {"description": "done in the end"}
                answer = pool.submit(group.ask, "PATCH", f"/users/teams/{team}", headers, json=body)
                waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                for _ in range(3000):
                    if await owner.fetchval(waiting):
                        break
                    await asyncio.sleep(0.02)
                if signum == signal.SIGINT:
                    os.killpg(group.process.pid, signum)
                else:
                    group.process.send_signal(signum)
                await asyncio.sleep(1)
                assert not answer.done()
            return (await asyncio.wrap_future(answer)).status_code

        assert asyncio.run(stop_meanwhile()) == 200
        group.process.wait(60)
        assert all(is_gone(pid) for pid in workers)
        log = group.log.read_text()
        assert log.count("service_stopped") == WORKERS
        assert '"level":"error"' not in log
        assert "Traceback" not in log
