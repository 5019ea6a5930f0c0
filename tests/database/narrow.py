"""An application with one connection for all its requests, and how to tell that nothing stayed on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from database import Database, Tenant
from tests.support.apps import services_of
from tests.support.wire import Wire
from tests.support.world import Api, TestTenant

OLDEST_USERS = "/users?limit=200&sort=created_at"  # the twins' people were there before whatever tests have added


@dataclass(frozen=True, slots=True)
class Narrow:
    """An application on the shared database with one connection for all its requests."""

    app: FastAPI
    http: httpx.AsyncClient
    wire: Wire
    owner_url: str
    tenants: tuple[Tenant, Tenant]
    twins: tuple[TestTenant, TestTenant]

    @property
    def database(self) -> Database:
        """The pool of one."""
        return services_of(self.app).database

    def owners(self) -> list[Api]:
        """The owners of both tenants, as clients of this application."""
        return [Api(self.http, twin.owner.headers) for twin in self.twins]


async def assert_bare(narrow: Narrow) -> None:
    """The raw pooled connection, outside any transaction, is the login role's and looks nowhere."""
    login, settings = "", {}
    async with narrow.database.server.engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        assert not raw.is_in_transaction()
        login, current = await raw.fetchrow("SELECT session_user, current_user")
        names = ("search_path", "role", "statement_timeout", "transaction_read_only")
        settings = {name: await raw.fetchval(f"SHOW {name}") for name in names}
    assert current == login
    assert settings == {
        "search_path": '"$user", public',
        "role": "none",
        "statement_timeout": "0",
        "transaction_read_only": "off",
    }


async def assert_next_sees_its_own(narrow: Narrow) -> None:
    """Each tenant's next request finds its own rows only."""
    for twin, other, owner in zip(narrow.twins, reversed(narrow.twins), narrow.owners(), strict=True):
        answer = await owner.get(OLDEST_USERS)
        assert answer.status_code == 200, answer.text
        assert twin.canary in answer.text
        assert other.canary not in answer.text
