"""People and teams for the tests of rights, made past the API, whose rules would stand in the way."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.support.inputs import Preparations
from tests.support.probes import owner_connection
from tests.support.world import TestTenant

_numbers = itertools.count(1)


@pytest.fixture
async def owner(config: Config, alpha: TestTenant) -> AsyncIterator[asyncpg.Connection]:
    """Alpha, seen by the database's owner."""
    async with owner_connection(config, alpha.name) as connection:
        yield connection


@pytest.fixture
def preparations(http: httpx.AsyncClient, alpha: TestTenant, owner: asyncpg.Connection) -> Preparations:
    """What must be there before an operation can be done in alpha."""
    return Preparations(http, alpha, owner)


async def insert_user(owner: asyncpg.Connection, role: str | None = None) -> str:
    """A user who cannot log in, without the cost of a password."""
    user_id, name = new_id(), f"inserted{next(_numbers)}"
    await owner.execute(
        """INSERT INTO users (id, email, email_normalized, username, username_normalized)
           VALUES ($1, $2 || '@twin.example', $2 || '@twin.example', $2, $2)""",
        user_id,
        name,
    )
    if role is not None:
        await owner.execute(
            "INSERT INTO user_roles (user_id, role_id) SELECT $1, id FROM roles WHERE name = $2", user_id, role
        )
    return str(user_id)


async def insert_team_with_role(owner: asyncpg.Connection, role: str) -> UUID:
    """A team whose members hold a role through it."""
    team_id = new_id()
    await owner.execute("INSERT INTO teams (id, name) VALUES ($1, $2)", team_id, f"team {team_id}")
    await owner.execute(
        "INSERT INTO team_roles (team_id, role_id) SELECT $1, id FROM roles WHERE name = $2", team_id, role
    )
    return team_id
