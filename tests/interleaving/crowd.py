"""Many tenants, each with a canary in its rows, and what somebody of one of them may ask."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tests.support.lines import request
from tests.support.servers import PLATFORM_KEY
from tests.support.world import API, PASSWORD

CANARY: Final = re.compile(rb"canary-(\d+)-")
TEAMS: Final = 3  # the last one is locked
AT_ONCE: Final = 4
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Member:
    """A tenant's owner, and the ids that a request may name."""

    number: int
    headers: dict[str, str]
    teams: list[str]
    user_id: str

    @property
    def schema(self) -> str:
        """Where the tenant's tables are."""
        return self.headers["X-Tenant-ID"]

    @property
    def locked(self) -> str:
        """The team that nobody can change."""
        return self.teams[-1]


@dataclass(frozen=True, slots=True)
class Question:
    """A request, the statuses that may answer it, and whether the canary has to be in the answer."""

    request: bytes
    statuses: frozenset[int]
    is_marked: bool


async def gather_crowd(http: httpx.AsyncClient, count: int) -> list[Member]:
    """That many tenants, made and furnished through the API."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def make(number: int) -> Member:
        async with slots:
            return await _furnish(http, number)

    return list(await asyncio.gather(*(make(number) for number in range(count))))


async def _furnish(http: httpx.AsyncClient, number: int) -> Member:
    canary, headers = f"canary-{number}-", {"X-Tenant-ID": f"tenant_crowd{number}"}

    async def post(path: str, body: Any, **more: str) -> Any:
        answer = await http.post(API + path, json=body, headers=headers | more)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    admin = {"email": "owner@crowd.example", "username": "owner", "password": PASSWORD, "full_name": canary}
    await post("/auth/initialize-tenant", {"name": canary, "admin": admin}, **{"X-Platform-Key": PLATFORM_KEY})
    user_id = await _sign_in(http, headers)
    teams = [(await post("/users/teams", {"name": f"{canary} {place}"}))["id"] for place in range(TEAMS)]
    await post("/tools/notes", {"title": f"{canary} note", "content": canary})
    await post("/settings", {"key": "branding.motto", "value": canary, "value_type": "string"})
    return Member(number, headers, teams, user_id)


async def sign_in_all(http: httpx.AsyncClient, crowd: Sequence[Member]) -> None:
    """Give everybody a new token; the old ones stay good until they expire."""
    for member in crowd:
        await _sign_in(http, member.headers)


async def _sign_in(http: httpx.AsyncClient, headers: dict[str, str]) -> str:
    tenant = {"X-Tenant-ID": headers["X-Tenant-ID"]}
    answer = await http.post(f"{API}/auth/login", json={"username": "owner", "password": PASSWORD}, headers=tenant)
    assert answer.status_code == 200, answer.text
    pair = answer.json()
    headers["Authorization"] = f"Bearer {pair['access_token']}"
    return str(pair["user"]["id"])


def ask_well(member: Member, chance: random.Random) -> Question:
    """Something that the tenant has, or that it may do."""
    canary = f"canary-{member.number}-"
    team = f"/users/teams/{chance.choice(member.teams[:-1])}"
    number = next(_numbers)
    method, path, body, status = chance.choices(
        [
            ("GET", "/users?limit=50", None, 200),
            ("GET", "/users/teams?limit=50", None, 200),
            ("GET", team, None, 200),
            ("GET", f"/users/{member.user_id}", None, 200),
            ("GET", "/tools/notes?limit=5", None, 200),
            ("GET", "/settings/branding.motto", None, 200),
            ("GET", "/auth/me", None, 200),
            ("PATCH", team, {"description": f"{canary} {number}"}, 200),
            ("POST", "/tools/notes", {"title": f"{canary} {number}", "content": canary}, 201),
        ],
        weights=[4, 4, 4, 4, 3, 2, 2, 1, 1],
    )[0]
    return Question(request(method, API + path, member.headers, body), frozenset({status}), is_marked=True)


def ask_badly(member: Member, crowd: Sequence[Member], chance: random.Random) -> Question:
    """What is not there, not allowed, not possible, another tenant's, or takes too long."""
    other = chance.choice([one for one in chance.sample(crowd, 2) if one is not member])
    canary = f"canary-{member.number}-"
    method, path, body, status = chance.choices(
        [
            ("GET", f"/users/teams/{other.teams[0]}", None, 404),
            ("PATCH", f"/users/teams/{other.teams[1]}", {"description": canary}, 404),
            ("GET", f"/users/{other.user_id}", None, 404),
            ("POST", "/users/teams", {"name": f"{canary} 0"}, 409),
            ("GET", "/users?limit=0", None, 422),
            ("POST", "/tools/notes", {"title": ["no", "text"]}, 422),
            ("GET", "/users", None, 403),
            ("PATCH", f"/users/teams/{member.locked}", {"description": canary}, 503),
        ],
        weights=[4, 4, 4, 4, 4, 4, 4, 1],
    )[0]
    headers = member.headers | ({"X-Tenant-ID": other.schema} if status == 403 else {})
    return Question(request(method, API + path, headers, body), frozenset({status}), is_marked=False)


def foreign(member: Member, body: bytes) -> set[int]:
    """The numbers of other tenants whose canary is in an answer."""
    return {int(number) for number in CANARY.findall(body)} - {member.number}
