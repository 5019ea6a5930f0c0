"""The clock of the service's machine is set an hour forth, back, and right again, while people work."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

import pytest

from tests.faults.conftest import Breakable
from tests.faults.crowd import Question, asking
from tests.faults.figures import note
from tests.support.groups import Group, running_group
from tests.support.servers import Servers
from tests.support.world import API, PASSWORD

STEPS: Final = ("+3600s", "-3600s", "+0s")
BODY: Final = {"username": "owner", "password": PASSWORD}
WRONG: Final = {"username": "owner", "password": "not the password"}
ANSWERS: Final = {200, 201, 204, 401}  # a token may be too old, or too new, for another clock; nothing else may happen


def libfaketime() -> str:
    """The library that gives a process another clock."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "tests/faults/install installs libfaketime"
    return str(found[0])


def usual(headers: dict[str, str]) -> list[Question]:
    """Who has a token from before, and who logs in anew."""
    tenant = {"X-Tenant-ID": headers["X-Tenant-ID"]}
    return [
        Question("me", "GET", f"{API}/auth/me", headers),
        Question("write", "POST", f"{API}/tools/notes", headers, {"title": "asked"}),
        Question("login", "POST", f"{API}/auth/login", tenant, BODY),
        Question("health", "GET", "/health"),
    ]


async def sign_in_and_out(group: Group, tenant: str) -> list[int]:
    """What a new login may do: ask, write, refresh, leave; and what its token is worth then."""
    headers = {"X-Tenant-ID": tenant}
    login = await asyncio.to_thread(group.ask, "POST", "/auth/login", headers, json=BODY)
    assert login.status_code == 200, login.text
    pair = login.json()
    signed = headers | {"Authorization": f"Bearer {pair['access_token']}"}
    refresh = {"refresh_token": pair["refresh_token"]}
    again = await asyncio.to_thread(group.ask, "POST", "/auth/refresh", headers, json=refresh)
    renewed = headers | {"Authorization": f"Bearer {again.json()['access_token']}"}
    answers = [login, again]
    for who, method, path, body in (
        (signed, "GET", "/auth/me", None),
        (renewed, "POST", "/tools/notes", {"title": "stepped"}),
        (renewed, "POST", "/auth/logout", None),
    ):
        answers.append(await asyncio.to_thread(group.ask, method, path, who, json=body))
    await asyncio.sleep(1)
    answers.append(await asyncio.to_thread(group.ask, "GET", "/auth/me", renewed))
    return [answer.status_code for answer in answers]


async def guess(group: Group, tenant: str) -> list[int]:
    """Wrong passwords, until it is too many."""
    headers = {"X-Tenant-ID": tenant}
    tries = [await asyncio.to_thread(group.ask, "POST", "/auth/login", headers, json=WRONG) for _ in range(6)]
    return [answer.status_code for answer in tries]


@pytest.mark.promise("S1", "I2", "I6")
async def test_a_clock_that_is_set_breaks_nothing(servers: Servers, postgres: Breakable, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0s")
    faked = {
        "LD_PRELOAD": libfaketime(),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",  # a step is one of the wall clock; the other one never steps
        "FAKETIME_DONT_RESET": "1",
    }
    config = servers.config(
        postgres.server.url("service"), login_tries_per_client=3, access_token_seconds=600, password_memory_kib=1024
    )
    with running_group(config, tmp_path, more=faked) as group:
        names = [f"tenant_clock_{time.time_ns()}_{number}" for number in range(2)]
        people = [await asyncio.to_thread(group.sign_in, name) for name in names]
        seen, walks, guesses = {}, {}, {}
        async with asking(group.port, [q for headers in people for q in usual(headers)], pause=0.1) as crowd:
            await asyncio.sleep(1)
            for step in STEPS:
                since = time.monotonic()
                clock.write_text(step)
                await asyncio.sleep(2)
                seen[step] = set(crowd.statuses(since=since))
                walks[step] = [await sign_in_and_out(group, name) for name in names]
        # What has been tried is counted on, whatever time it is.
        clock.write_text(STEPS[0])
        guesses["first"] = await guess(group, names[0])
        clock.write_text(STEPS[1])
        guesses["then"] = await guess(group, names[0])

    statuses = crowd.statuses()
    note(
        "The service's clock set an hour forth, back, and right again",
        seen="those whose token is too old by the new clock log in again (401), nobody else notices",
        measured=f"{sum(statuses.values())} requests, {sum(n for s, n in statuses.items() if s >= 500)} of them 5xx; "
        f"a new login worked at every step",
    )
    assert set(statuses) <= ANSWERS
    assert set(crowd.statuses("health")) == {200}
    assert set(crowd.statuses("login")) == {200}
    assert 401 in seen["+3600s"], "the clock was not set"
    assert all(walk == [200, 200, 200, 201, 204, 401] for step in STEPS for walk in walks[step]), walks
    assert 429 in guesses["first"]
    assert set(guesses["then"]) == {429}
