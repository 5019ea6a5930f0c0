"""Many tenants: the same read over all of them evenly, and of one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import httpx
from passlib.context import CryptContext

from benchmarks.figures import Figure, Pace, at_least
from benchmarks.machine import pinned
from benchmarks.request_path import NOTES
from benchmarks.servers import API, World
from benchmarks.tenants import create_tenants
from benchmarks.things import ARGON2, PASSWORD
from benchmarks.wrk import Request, fire
from common.config import Config

AT_ONCE: Final = 4
SIGNING_IN: Final = 8


def measure(world: World, pace: Pace) -> list[Figure]:
    """Make tenants, and ask for their notes in turn."""
    number = 50 if pace.fast else 1_000
    everybody = asyncio.run(prepare(world, number))
    turns = [(_rate(world, everybody, pace), _rate(world, everybody[-1:], pace)) for _ in range(pace.pairs)]
    name = f"GET /tools/notes/{{id}} of {number:,} tenants in turn"
    return [Figure.of(name, turns, "/s", "of one tenant", at_least(0.85))]


async def prepare(world: World, number: int) -> list[Request]:
    """Make so many tenants, each with a note; a request for each of these."""
    values: dict[str, Any] = {name.lower(): value for name, value in world.environment.items()}
    stored = CryptContext(schemes=["argon2"], **ARGON2).hash(PASSWORD)
    await create_tenants(Config(**values), map(_name, range(number)), stored)
    slots = asyncio.Semaphore(SIGNING_IN)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{world.silent_service.port}", trust_env=False, timeout=60
    ) as client:

        async def furnish(tenant: int) -> Request:
            async with slots:
                headers = {"X-Tenant-ID": _name(tenant)}
                body: dict[str, Any] = {"username": "owner", "password": PASSWORD}
                pair = (await client.post(f"{API}/auth/login", json=body, headers=headers)).raise_for_status().json()
                headers["Authorization"] = f"Bearer {pair['access_token']}"
                body = {"title": "A note", "content": f"Of tenant {tenant}."}
                note = (await client.post(NOTES, json=body, headers=headers)).raise_for_status().json()
                return Request(f"{NOTES}/{note['id']}", headers)

        return await asyncio.gather(*(furnish(one) for one in range(number)))


def _name(number: int) -> str:
    return f"tenant_many{number}"


def _rate(world: World, requests: Sequence[Request], pace: Pace) -> float:
    with pinned(world.silent_service.process.pid):
        fire(world.silent_service.port, requests, 1)
        return fire(world.silent_service.port, requests, max(2.0, pace.seconds)).rate
