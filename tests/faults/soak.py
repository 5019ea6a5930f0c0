"""A steady load for minutes, ``make soak MINUTES=10``: memory, open files and connections end as they began."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from statistics import median
from typing import Final

import pytest

from tests.faults.crowd import Question, asking
from tests.faults.figures import note
from tests.support.apps import connect
from tests.support.groups import Group
from tests.support.world import API, PASSWORD

MINUTES: Final = float(os.environ.get("MINUTES", "10"))
WARM: Final = 0.3  # of the time, in which caches, pools and statements fill up
SAMPLES: Final = 60
GROWTH: Final = 0.05
MORE: Final = 5  # files, and connections: a pool may close one and open another

CONNECTIONS: Final = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


def usual(people: list[dict[str, str]]) -> list[Question]:
    """Reads, changes that make copies stale, logins."""
    questions = [Question("readiness", "GET", "/readiness"), Question("metrics", "GET", "/metrics")]
    for headers in people:
        tenant = {"X-Tenant-ID": headers["X-Tenant-ID"]}
        quota = {"value": 10**9}
        questions += [
            Question("me", "GET", f"{API}/auth/me", headers),
            Question("users", "GET", f"{API}/users", headers),
            Question("notes", "GET", f"{API}/tools/notes?limit=20", headers),
            Question("write", "POST", f"{API}/tools/notes", headers, {"title": "soaked"}),
            Question("change", "PUT", f"{API}/settings/attachments.quota_bytes", headers, quota),
            Question("nothing", "GET", f"{API}/tools/notes/{'0' * 8}-0000-7000-8000-{'0' * 12}", headers),
            Question("login", "POST", f"{API}/auth/login", tenant, {"username": "owner", "password": PASSWORD}),
        ]
    return questions


def memory(group: Group) -> int:
    """Bytes that the processes have to themselves (proc(5), smaps_rollup)."""
    total = 0
    for pid in group.workers():
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return total * 1024


def open_files(group: Group) -> int:
    """Of the processes that answer."""
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in group.workers())


@pytest.mark.promise("S6")
async def test_a_steady_load_lets_nothing_grow(group: Group, people: list[dict[str, str]]) -> None:
    taken: list[tuple[int, int, int]] = []
    async with connect(group.config.owner_url) as owner, asking(group.port, usual(people), pause=0.1) as crowd:
        began = time.monotonic()
        await asyncio.sleep(MINUTES * 60 * WARM)
        for _ in range(SAMPLES):
            await asyncio.sleep(MINUTES * 60 * (1 - WARM) / SAMPLES)
            taken.append((memory(group), open_files(group), await owner.fetchval(CONNECTIONS)))
        seconds = time.monotonic() - began

    part = SAMPLES // 5  # single samples jump with what is under way
    first, last = (
        [median(sample[kind] for sample in samples) for kind in range(3)] for samples in (taken[:part], taken[-part:])
    )
    growth, files, connections = last[0] / first[0] - 1, last[1] - first[1], last[2] - first[2]
    statuses = crowd.statuses()
    note(
        f"Nothing, for {MINUTES:.0f} minutes",
        seen=f"{sum(statuses.values()) / seconds:.0f} answers a second",
        measured=f"memory {first[0] / 1e6:.0f} MB, {growth:+.1%}; open files {first[1]:.0f}, {files:+.0f}; "
        f"connections {first[2]:.0f}, {connections:+.0f}",
    )
    assert set(statuses) <= {200, 201, 404}
    assert growth < GROWTH
    assert files <= MORE
    assert connections <= MORE
