"""A column's type changes under statements that are prepared already: nobody who asks then notices."""

from __future__ import annotations

import itertools
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from common.config import Config
from tests.database.narrow import Narrow
from tests.support.fleet import owner_runs
from tests.support.world import Api

TYPES = ("varchar(200)", "text")
PAGE = "/users/teams?limit=10"


@pytest.fixture
async def plain_names(config: Config, narrow: Narrow) -> Any:
    """Afterwards the column is what it was."""
    yield
    for twin in narrow.twins:
        await owner_runs(config, f"ALTER TABLE {twin.name}.teams ALTER COLUMN description TYPE text")


@pytest.mark.usefixtures("plain_names")
async def test_a_changed_column_type_costs_nobody_his_answer(narrow: Narrow, config: Config) -> None:
    """Not even twice, and whichever of the tenants is changed first. Reads and writes are run once more."""
    for number, kind in enumerate(itertools.chain.from_iterable([TYPES, TYPES])):
        for twin in narrow.twins:
            for owner in narrow.owners():
                assert (await owner.get(PAGE)).status_code == 200
            await owner_runs(config, f"ALTER TABLE {twin.name}.teams ALTER COLUMN description TYPE {kind}")
            for owner in narrow.owners():
                assert (await owner.get(PAGE)).status_code == 200
                await add_team(owner, f"{twin.name} {number}")


async def add_team(owner: Api, name: str) -> None:
    """A write that reads what it has written."""
    made = await owner.post("/users/teams", json={"name": name, "description": "as it was"})
    assert made.status_code == 201, made.text
    assert (await owner.delete(f"/users/teams/{made.json()['id']}")).status_code == 204


async def test_a_statement_that_became_stale_is_refused_by_postgresql(narrow: Narrow, config: Config) -> None:
    """What the test above is about: without the second attempt this would be an error."""
    query = text("SELECT description FROM teams")
    schema = narrow.twins[0].name
    await owner_runs(config, f"ALTER TABLE {schema}.teams ALTER COLUMN description TYPE varchar(100)")
    async with narrow.database.read(narrow.tenants[0]) as unit:
        await unit.execute(query)
    await owner_runs(config, f"ALTER TABLE {schema}.teams ALTER COLUMN description TYPE text")

    with pytest.raises(Exception, match="cached statement plan is invalid") as refusal:
        async with narrow.database.read(narrow.tenants[0]) as unit:
            await unit.execute(query)

    assert isinstance(refusal.value.orig.__cause__, asyncpg.InvalidCachedStatementError)  # type: ignore[attr-defined]
