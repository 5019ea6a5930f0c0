"""Many tenants: what it costs to serve a thousand in turn, and that thousands more are there.

G4: the same read, over all tenants evenly and of one. G10: the same read of a few tenants, while they are alone and
while thousands are beside them; in between passes time, so each is taken over the rate of a bare route at that moment.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from typing import Any, Final

import httpx
from passlib.context import CryptContext
from prometheus_client import CollectorRegistry

import main
from benchmarks.figures import Figure, Pace, at_least
from benchmarks.machine import MEASURED, pin
from benchmarks.request_path import NOTES, TEST
from benchmarks.servers import API, World
from benchmarks.things import ARGON2, PASSWORD
from benchmarks.wrk import Request, fire
from common.audit import Origin
from common.config import Config
from common.ids import TenantName, new_id
from serving.services import NewOwner

AT_ONCE: Final = 4
SIGNING_IN: Final = 8


def measure(world: World, pace: Pace) -> list[Figure]:
    """Make tenants, measure, make more, measure again."""
    few, many, present = (10, 50, 100) if pace.fast else (10, 1_000, 5_000)
    hot = asyncio.run(prepare(world, 0, few))
    alone = _over_bare(world, hot, pace)
    everybody = [*hot, *asyncio.run(prepare(world, few, many))]
    turns = [(_rate(world, everybody, pace), _rate(world, everybody[-1:], pace)) for _ in range(pace.pairs)]
    asyncio.run(create(world, many, present))
    crowded = _over_bare(world, hot, pace)
    return [
        Figure.of(f"GET /tools/notes/{{id}} of {many:,} tenants in turn", turns, "/s", "of one tenant", at_least(0.85)),
        Figure.of(
            f"the same of {few} tenants, {present:,} present, over the bare route",
            list(zip(crowded, [statistics.median(alone)] * len(crowded), strict=True)),
            "",
            f"with {few} present",
            at_least(0.9),
        ),
    ]


async def prepare(world: World, first: int, end: int) -> list[Request]:
    """Make tenants from one number to another, each with a note; a request for each of these."""
    await create(world, first, end)
    slots = asyncio.Semaphore(SIGNING_IN)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{world.silent_service.port}", trust_env=False, timeout=60
    ) as client:

        async def furnish(number: int) -> Request:
            async with slots:
                headers = {"X-Tenant-ID": _name(number)}
                body: dict[str, Any] = {"username": "owner", "password": PASSWORD}
                pair = (await client.post(f"{API}/auth/login", json=body, headers=headers)).raise_for_status().json()
                headers["Authorization"] = f"Bearer {pair['access_token']}"
                body = {"title": "A note", "content": f"Of tenant {number}."}
                note = (await client.post(NOTES, json=body, headers=headers)).raise_for_status().json()
                return Request(f"{NOTES}/{note['id']}", headers)

        return await asyncio.gather(*(furnish(number) for number in range(first, end)))


async def create(world: World, first: int, end: int) -> None:
    """Make tenants from one number to another, as the service does, but for the hash of their owners' password."""
    values: dict[str, Any] = {name.lower(): value for name, value in world.environment.items()}
    services = main.build_services(Config(**values), CollectorRegistry())
    stored = CryptContext(schemes=["argon2"], **ARGON2).hash(PASSWORD)

    async def owner() -> NewOwner:
        address = "owner@many.example"
        return NewOwner(address, address, "owner", "owner", stored, "Owner", "en", "UTC")

    slots = asyncio.Semaphore(AT_ONCE)

    async def make(number: int) -> None:
        name = TenantName.parse(_name(number))
        assert name is not None
        async with slots:
            await services.provisioner.create(name, title=str(number), owner=owner, origin=Origin(str(new_id())))

    await asyncio.gather(*(make(number) for number in range(first, end)))
    await services.database.close()
    await services.caches.redis.close()


def _name(number: int) -> str:
    return f"tenant_many{number}"


def _rate(world: World, requests: Sequence[Request], pace: Pace) -> float:
    pin(world.silent_service.process.pid, MEASURED)
    fire(world.silent_service.port, requests, 1)
    return fire(world.silent_service.port, requests, max(2.0, pace.seconds)).rate


def _over_bare(world: World, requests: Sequence[Request], pace: Pace) -> list[float]:
    """Rates of these requests over those of a bare route."""
    pin(world.silent_bare.process.pid, MEASURED)
    bare = [Request(TEST, world.headers)]
    return [
        _rate(world, requests, pace) / fire(world.silent_bare.port, bare, max(2.0, pace.seconds)).rate
        for _ in range(pace.pairs)
    ]
