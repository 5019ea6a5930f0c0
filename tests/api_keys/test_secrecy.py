"""A key is nowhere but in the one answer that shows it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from common.config import Config
from common.observability.logs import configure_logging
from tests.api_keys.conftest import with_key
from tests.support.apps import running
from tests.support.probes import owner_connection
from tests.support.servers import Servers
from tests.support.world import TestTenant, create_tenant

pytestmark = pytest.mark.promise("I8")

BODY = {"name": "secret", "permissions": ["users:read", "api_keys:update"]}
REPLAYED = "Idempotency-Replayed"


async def _everything_stored(config: Config, tenant: TestTenant) -> bytes:
    """All rows of all tables of a tenant as text, and the outbox; bytea as the bytes they are."""
    parts: list[bytes] = []
    async with owner_connection(config, tenant.name) as owner:
        tables = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", tenant.name)
        names = [f'"{tenant.name}"."{row["tablename"]}"' for row in tables]
        for name in [*names, "system.outbox"]:
            for row in await owner.fetch(f"SELECT * FROM {name}"):
                parts += [value if isinstance(value, bytes) else str(value).encode() for value in row.values()]
    return b"\n".join(parts)


async def test_the_database_does_not_know_the_key(http: httpx.AsyncClient, config: Config, tenant: TestTenant) -> None:
    """Not even the answer that is kept for a repeated request."""
    once = {"Idempotency-Key": str(uuid4())}
    made = await tenant.owner.post("/users/api-keys", json=BODY, headers=once)
    rotated = await tenant.owner.post(f"/users/api-keys/{made.json()['id']}/rotate", json={"grace_seconds": 60})
    assert (await with_key(http, tenant, rotated.json()["key"]).get("/users")).status_code == 200

    stored = await _everything_stored(config, tenant)

    assert made.json()["prefix"].encode() not in stored  # the new key's has taken its place
    assert rotated.json()["prefix"].encode() in stored
    for answer in (made, rotated):
        random = answer.json()["key"].split("_")[1]
        assert random.encode() not in stored
        assert random.encode()[10:] not in stored


async def test_the_answer_that_is_repeated_has_the_key(tenant: TestTenant) -> None:
    once = {"Idempotency-Key": str(uuid4())}

    answers = [await tenant.owner.post("/users/api-keys", json=BODY, headers=once) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert [answer.headers.get(REPLAYED) for answer in answers] == [None, "true"]
    assert answers[0].json() == answers[1].json()
    assert (await tenant.owner.get("/users/api-keys", params={"include_total": "true"})).json()["total"] == 1


@pytest.mark.promise("D4")
async def test_of_parallel_requests_with_one_idempotency_key_one_makes_a_key(tenant: TestTenant) -> None:
    once = {"Idempotency-Key": str(uuid4())}

    answers = await asyncio.gather(*(tenant.owner.post("/users/api-keys", json=BODY, headers=once) for _ in range(32)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["key"] for answer in answers if answer.status_code == 201}) == 1
    assert (await tenant.owner.get("/users/api-keys", params={"include_total": "true"})).json()["total"] == 1


async def test_a_stored_answer_is_worth_nothing_in_another_row(config: Config, tenant: TestTenant) -> None:
    """Whoever can write the table cannot have one caller's answer sent to another."""
    first, second = {"Idempotency-Key": "first"}, {"Idempotency-Key": "second"}
    for once in (first, second):
        assert (await tenant.owner.post("/users/api-keys", json=BODY, headers=once)).status_code == 201
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute(
            "UPDATE idempotency_keys SET body = (SELECT body FROM idempotency_keys WHERE key = 'first') "
            "WHERE key = 'second'"
        )

    answer = await tenant.owner.post("/users/api-keys", json=BODY, headers=second)

    assert answer.status_code == 422
    assert "ssk_" not in answer.text


async def test_a_key_does_not_get_its_owners_stored_answer(http: httpx.AsyncClient, tenant: TestTenant) -> None:
    """An Idempotency-Key belongs to who sent it; a key may do less than its owner."""
    made = await tenant.owner.post("/users/api-keys", json={"name": "x", "permissions": ["users:create"]})
    program = with_key(http, tenant, made.json()["key"])
    once = {"Idempotency-Key": str(uuid4())}
    body = {"email": "once@twin.example", "username": "once"}

    first = await tenant.owner.post("/users", json=body, headers=once)
    second = await program.post("/users", json=body, headers=once)

    assert (first.status_code, second.status_code) == (201, 409)
    assert REPLAYED not in second.headers


@pytest.fixture
def talkative(servers: Servers, config: Config) -> Iterator[Config]:
    """A configuration that has everything logged, while the test lasts."""
    yield servers.config(config.database_url.get_secret_value(), log_level="debug", sql_echo=True)
    configure_logging(config)


@pytest.mark.usefixtures("app")
async def test_the_log_has_no_key(talkative: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """At the most talkative level, with SQL and an error."""
    async with running(talkative) as (_, http):
        tenant = await create_tenant(http)
        made = (await tenant.owner.post("/users/api-keys", json=BODY, headers={"Idempotency-Key": "k"})).json()
        for key in (made["key"], made["key"][:-1] + "~"):
            program = with_key(http, tenant, key)
            await program.get("/users")
            await program.post(f"/users/api-keys/{made['id']}/rotate", json={"grace_seconds": -1})
            await program.get("/users", params={"sort": "nonsense"})
        rotated = (await tenant.owner.post(f"/users/api-keys/{made['id']}/rotate", json={})).json()
        await tenant.owner.post("/auth/introspect", content=f"token={rotated['key']}")
        await tenant.owner.delete(f"/users/api-keys/{made['id']}")

    written = "".join(capsys.readouterr())
    assert made["id"] in written
    assert re.findall(r"ssk_[0-9A-Za-z]{9}", written) == []
    for key in (made["key"], rotated["key"]):
        assert key.split("_")[1][9:] not in written
