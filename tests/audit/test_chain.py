"""The audit chain: recomputable by anybody, whole under load, and without gaps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI

from common.audit import Actor, Change, Origin, Target, entry
from common.config import Config
from common.ids import TenantName
from database import Database, Tenant, WriteUnit
from tests.support.audit_chain import assert_chain_whole, hash_of
from tests.support.probes import owner_connection
from tests.support.world import TestTenant, create_tenant

pytestmark = pytest.mark.promise("D3")

HOSTILE: Final = (
    "it's \"quoted\" and \\backslashed\\ \\u0041 \\n",
    "\x01\x02\b\t\n\x0b\f\r\x1b\x1f\x7f\x80\x9f",
    "🧨 𝔘𝔫𝔦 👩‍👩‍👧 \U0010fffd \ue000 \ufffe",
    "\u202eright to left\u202c שלום العربية",
    "\u2028 line \u2029 paragraph \ufeff bom \u200d",
    "é e\u0301 ﬁ İ ß",
    "", " ", "null", "{}", '","action":"forged', "</script><!--", "$argon2id$", "%s %(x)s {x} :name",
    "x" * 20_000,
)  # fmt: skip
VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1.5, 1e2, 1e-7, 1.10, -0.0, 1e20, 123456789.123456789, 10**30, -(2**63), [], {}, [[], {}],
    {"b": 1, "a": 2, "aa": 3, "é": 4, "zz": 5, "": 6, "🧨": 7, "\n": 8},
    {"deep": [{"er": {"and": [None, {"er": "x"}]}}]},
)  # fmt: skip

Units = Callable[[], WriteUnit]


@pytest.fixture(scope="module")
async def tenant(http: httpx.AsyncClient) -> TestTenant:
    """One tenant for all of these tests: each looks only at what it adds."""
    return await create_tenant(http)


@pytest.fixture
async def units(app: FastAPI, tenant: TestTenant) -> Units:
    """Makes write units of a tenant of the test's own."""
    database: Database = app.state.services.database
    name = TenantName.parse(tenant.name)
    assert name is not None
    found: Tenant = await app.state.services.find_tenant(name)
    return lambda: database.write(found, origin=Origin("request-1", "2001:db8::1", "agent"))


@pytest.fixture
def proven(config: Config, tenant: TestTenant) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """Proves that tenant's chain and hands out its entries."""

    async def prove() -> list[dict[str, Any]]:
        async with owner_connection(config, tenant.name) as owner:
            return await assert_chain_whole(owner)

    return prove


async def test_every_hash_can_be_recomputed_from_the_columns(units: Units, proven: Any) -> None:
    """Hostile text in every field that takes text, and every kind of JSON value among the changes."""
    async with units() as unit:
        for text in HOSTILE:
            target = Target(text[:64], text[:255], text[:255])
            changes = [Change(text, text, {text: text})]
            unit.audit(text[:128], actor=Actor("system", None, text[:254]), target=target, changes=changes)
        unit.audit("values", changes=[Change("x", value, [value]) for value in VALUES])
        unit.audit("nothing")

    entries = await proven()

    assert [row["action"] for row in entries[-len(HOSTILE) - 2 : -2]] == [text[:128] for text in HOSTILE]
    assert json.loads(entries[-3]["changes"])[0]["old"] == HOSTILE[-1]


async def test_a_change_of_any_column_changes_the_hash(units: Units, proven: Any) -> None:
    async with units() as unit:
        unit.audit("something", actor=Actor("user", None, "a"), target=Target("user", "1", "b"))
    written = (await proven())[-1]

    for column, value in written.items():
        if column != "hash":
            other = '[{"path": "x"}]' if column == "changes" else f"{value}x"
            assert hash_of({**written, column: other}) != written["hash"], column


async def test_text_cannot_move_from_one_field_to_its_neighbour(units: Units, proven: Any) -> None:
    """Nor is nothing the same as empty, or as the word for nothing."""
    async with units() as unit:
        for kind, identity in (("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", "")):
            unit.audit("moved", target=Target(kind, identity))
    entries = (await proven())[-4:]
    same = {name: entries[0][name] for name in ("seq", "id", "occurred_at", "prev_hash")}

    hashes = {hash_of({**row, **same}) for row in entries}
    nothing = {hash_of({**entries[0], "target_name": name}) for name in (None, "", "null", "None")}

    assert len(hashes) == 4
    assert len(nothing) == 4


async def test_a_hundred_writers_at_once_make_one_chain(units: Units, proven: Any) -> None:
    before = await proven()

    async def write(number: int) -> None:
        async with units() as unit:
            unit.audit(f"parallel.{number}", target=Target("thing", str(number)))
            unit.audit(f"parallel.{number}", target=Target("thing", str(number)))

    await asyncio.gather(*(write(number) for number in range(100)))

    added = [row["action"] for row in (await proven())[len(before) :]]
    assert sorted(set(added)) == sorted(f"parallel.{number}" for number in range(100))
    assert added[::2] == added[1::2]  # entries of one transaction stand together


async def test_what_is_rolled_back_leaves_no_gap(units: Units, proven: Any) -> None:
    before = await proven()

    async def fail(number: int) -> None:
        with suppress(ZeroDivisionError):
            async with units() as unit:
                unit.audit(f"lost.{number}")
                raise ZeroDivisionError

    async def write(number: int) -> None:
        async with units() as unit:
            unit.audit(f"kept.{number}")

    await asyncio.gather(*(act(number) for number in range(10) for act in (fail, write)))

    added = [row["action"] for row in (await proven())[len(before) :]]
    assert sorted(added) == sorted(f"kept.{number}" for number in range(10))


async def test_an_append_rolled_back_in_the_database_gives_its_numbers_back(
    config: Config, tenant: TestTenant, units: Units, proven: Any
) -> None:
    entries = json.dumps([entry("x", actor=Actor("system"), origin=Origin("request-2"))])
    before = await proven()
    async with owner_connection(config, tenant.name) as owner:
        transaction = owner.transaction()
        await transaction.start()
        assert await owner.fetchval("SELECT audit_append($1::jsonb)", entries) == len(before) + 1
        await transaction.rollback()

    async with units() as unit:
        unit.audit("after")

    assert (await proven())[-1]["seq"] == len(before) + 1


async def test_an_entry_cannot_choose_its_place_time_or_hash(config: Config, tenant: TestTenant, proven: Any) -> None:
    """``audit_append`` takes them from the chain, whatever the entry says."""
    wished = {"seq": 1, "occurred_at": "2001-01-01T00:00:00Z", "prev_hash": "\\x00", "hash": "\\x00"}
    entries = json.dumps([entry("x", actor=Actor("system"), origin=Origin("request-3")) | wished])
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute("SELECT audit_append($1::jsonb)", entries)

    assert (await proven())[-1]["occurred_at"].year > 2001
