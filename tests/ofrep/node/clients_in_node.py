"""The official OFREP clients for JavaScript, unmodified, against the running service.

Not among the files that `make test` collects: `make test-clients` runs them, because they need Node.js.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.ofrep.service import make_flag
from tests.support.apps import Wired
from tests.support.node import environment, packages_of
from tests.support.world import Api, TestTenant

PROJECT: Final = Path(__file__).parent

GOLD = {"if": [{"==": [{"var": "plan"}, "gold"]}, "on", "off"]}


class Clients:
    """The process with both clients."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def said(self, heading: str) -> dict[str, Any]:
        """What it says next, which must be under this heading."""
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            line = await self._process.stdout.readline()
        found: dict[str, Any] = json.loads(line or b"{}")
        assert found.pop("heading", None) == heading, found
        return found

    async def go_on(self) -> None:
        """Have it do the rest."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()

    async def ended(self) -> int:
        """Its exit code."""
        async with asyncio.timeout(10):
            return await self._process.wait()


@asynccontextmanager
async def clients(base: str, headers: Mapping[str, str]) -> AsyncIterator[Clients]:
    """Both clients, sending these headers."""
    folder = (await packages_of(PROJECT)).parent
    program = shutil.copy(PROJECT / "clients.mjs", folder)  # Node.js looks for packages beside the program
    arguments = ("node", program, base, json.dumps(dict(headers)))
    process = await asyncio.create_subprocess_exec(*arguments, env=environment(), stdin=PIPE, stdout=PIPE)
    try:
        yield Clients(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
async def flags(tenant: TestTenant) -> Api:
    """A tenant with a flag of every type."""
    owner = tenant.owner
    await make_flag(owner, "rule", targeting=GOLD, metadata={"team": "booking"})
    await make_flag(owner, "text", variants={"a": "A"}, default_variant="a")
    await make_flag(owner, "number", variants={"n": 0.5}, default_variant="n")
    await make_flag(owner, "thing", variants={"o": {"limit": 3}}, default_variant="o")
    await make_flag(owner, "off", state="DISABLED")
    return owner


def assert_values(found: dict[str, Any]) -> None:
    """What both clients make of the flags."""
    assert found["rule"] == {
        "value": True, "variant": "on", "reason": "TARGETING_MATCH", "flagMetadata": {"team": "booking"},
    }  # fmt: skip
    assert [found[key]["value"] for key in ("text", "number", "thing")] == ["A", 0.5, {"limit": 3}]
    assert found["off"]["value"] is True
    assert (found["unknown"]["value"], found["unknown"]["errorCode"]) == (True, "FLAG_NOT_FOUND")


async def test_values_and_changes(base: str, flags: Api, wired: Wired) -> None:
    """Values for a server; values for a page, which hears of a change that another process makes."""
    elsewhere = Api(wired.http, flags.headers)
    async with clients(base, flags.headers) as running:
        assert_values(await running.said("server"))
        web = await running.said("web")
        assert_values(web)
        assert (web["off"]["reason"], web["off"].get("errorCode")) == ("DISABLED", None)

        # Whether its stream stands by now or not: the address of the stream says which version the page has.
        answer = await elsewhere.patch(
            "/settings/feature-flags/rule", json={"targeting": None, "default_variant": "off"}
        )
        assert answer.status_code == 200, answer.text
        async with asyncio.timeout(2):
            changed = await running.said("changed")
        assert changed["flagsChanged"] == ["rule"]
        assert (changed["rule"]["value"], changed["rule"]["reason"]) == (False, "STATIC")

        answer = await flags.patch("/settings/feature-flags/rule", json={"targeting": GOLD})
        assert answer.status_code == 200, answer.text
        assert (await running.said("changed"))["rule"]["value"] is True
        await running.go_on()
        assert (await running.said("context"))["rule"]["value"] is False
        assert await running.ended() == 0


async def test_who_may_not_ask_is_told(base: str, tenant: TestTenant) -> None:
    async with clients(base, {**tenant.owner.headers, "Authorization": "Bearer no"}) as running:
        server = await running.said("server")
        assert (server["rule"]["value"], server["rule"]["errorCode"]) == (False, "GENERAL")
        assert await running.said("refused") == {"code": "PROVIDER_FATAL", "status": 401}
        assert await running.ended() == 1
