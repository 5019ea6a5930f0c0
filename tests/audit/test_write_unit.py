"""A change and its audit entry commit together, or neither does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from common.audit import Origin, Target
from common.cache.two_level import Message
from common.config import Config
from common.ids import TenantName, new_id
from database import Database, WriteUnit
from migrations.bootstrap import service_login
from tests.support.probes import owner_connection
from tests.support.world import TestTenant, create_tenant
from users.models import Team

pytestmark = pytest.mark.promise("D2")

NEW_TEAM = insert(Team).values(id=new_id(), name="unit")


@pytest.fixture(scope="module")
async def tenant(http: httpx.AsyncClient) -> TestTenant:
    """One tenant for all of these tests: each looks only at what it adds."""
    return await create_tenant(http)


@pytest.fixture
def forgotten() -> list[Message]:
    """What the unit's commits said to be stale."""
    return []


@pytest.fixture
async def unit(app: FastAPI, config: Config, tenant: TestTenant, forgotten: list[Message]) -> AsyncIterator[WriteUnit]:
    """A write unit of a tenant of the test's own."""

    async def forget(messages: Sequence[Message]) -> None:
        forgotten.extend(messages)

    name = TenantName.parse(tenant.name)
    assert name is not None
    found = await app.state.services.find_tenant(name)
    database = Database(config, service_login(config).url, forget)
    made = database.write(found, origin=Origin(str(new_id())))
    yield made
    await made.close()
    await database.close()


@pytest.fixture
async def owner(config: Config, tenant: TestTenant) -> AsyncIterator[asyncpg.Connection]:
    """The same tenant, seen past the service."""
    async with owner_connection(config, tenant.name) as connection:
        yield connection
        await connection.execute("DELETE FROM teams")


async def _found(owner: asyncpg.Connection, unit: WriteUnit) -> tuple[int, int]:
    """How many teams there are, and how many entries of this unit."""
    teams = await owner.fetchval("SELECT count(*) FROM teams")
    return teams, await owner.fetchval("SELECT count(*) FROM audit_logs WHERE request_id = $1", unit.origin.request_id)


async def test_what_fails_behind_a_savepoint_is_taken_back_alone(
    unit: WriteUnit, owner: asyncpg.Connection, forgotten: list[Message]
) -> None:
    async def fail() -> None:
        async with unit.savepoint():
            await unit.execute(insert(Team).values(id=new_id(), name="another"))
            unit.audit("team.created")
            unit.invalidate("principals")
            unit.enqueue("mail.notice", {})
            raise ZeroDivisionError

    await unit.execute(NEW_TEAM)
    unit.audit("team.created")
    with pytest.raises(ZeroDivisionError):
        await fail()
    async with unit.savepoint():
        await unit.execute(insert(Team).values(id=new_id(), name="third"))
        unit.audit("team.created")

    await unit.commit()

    assert await _found(owner, unit) == (2, 2)
    assert forgotten == []
    assert await owner.fetchval("SELECT count(*) FROM system.outbox WHERE payload = '{}'") == 0


async def test_both_are_there_after_the_commit_and_not_before(unit: WriteUnit, owner: asyncpg.Connection) -> None:
    await unit.execute(NEW_TEAM)
    unit.audit("team.created", target=Target("team", "1"))
    assert await _found(owner, unit) == (0, 0)

    await unit.commit()

    assert await _found(owner, unit) == (1, 1)


@pytest.mark.parametrize(
    "statement", [NEW_TEAM, update(Team).values(name="x"), delete(Team), delete(Team).returning(Team.id)]
)
async def test_a_change_without_an_entry_is_not_committed(
    statement: object, unit: WriteUnit, owner: asyncpg.Connection
) -> None:
    await owner.execute("INSERT INTO teams (id, name) VALUES ($1, 'before')", new_id())
    await unit.execute(statement)  # type: ignore[arg-type]

    with pytest.raises(RuntimeError, match="audit"):
        await unit.commit()
    await unit.close()

    assert await owner.fetch("SELECT name FROM teams") == [("before",)]


async def test_reading_in_a_write_unit_needs_no_entry(unit: WriteUnit, owner: asyncpg.Connection) -> None:
    await unit.execute(select(Team.id))

    await unit.commit()

    assert await _found(owner, unit) == (0, 0)


async def test_an_error_after_the_entry_was_noted_leaves_neither(
    unit: WriteUnit, owner: asyncpg.Connection, forgotten: list[Message]
) -> None:
    async def fail() -> None:
        async with unit:
            await unit.execute(NEW_TEAM)
            unit.audit("team.created")
            unit.invalidate("teams")
            await unit.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        await fail()

    assert await _found(owner, unit) == (0, 0)
    assert forgotten == []


async def test_an_entry_that_cannot_be_stored_takes_the_change_with_it(
    unit: WriteUnit, owner: asyncpg.Connection, forgotten: list[Message]
) -> None:
    await unit.execute(NEW_TEAM)
    unit.audit("a" * 129)
    unit.invalidate("teams")

    with pytest.raises(DBAPIError):
        await unit.commit()
    await unit.close()

    assert await _found(owner, unit) == (0, 0)
    assert forgotten == []


async def test_what_is_stale_is_forgotten_once_and_after_the_commit(
    unit: WriteUnit, owner: asyncpg.Connection, tenant: TestTenant, forgotten: list[Message]
) -> None:
    unit.invalidate("teams", "one")
    unit.audit("team.seen")

    await unit.commit()
    await unit.commit()

    assert forgotten == [(f"{tenant.name}/teams", "one")]
    assert await _found(owner, unit) == (0, 1)
