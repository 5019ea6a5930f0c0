"""A database with two tenants of its own, in which the tests break one thing each and put it back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from common.config import Config
from manage.app import app
from migrations.login import service_login
from tests.support.apps import connect, running
from tests.support.servers import PLATFORM_KEY, SECRET, Servers
from tests.support.world import create_tenant


@dataclass(frozen=True, slots=True)
class Patient:
    """What the doctor is shown."""

    config: Config
    redis_url: str

    @property
    def login(self) -> str:
        """The service's own role."""
        return service_login(self.config).role

    async def examine(self, *arguments: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
        """The exit code, and what was found."""
        usual = {
            "DATABASE_URL": self.config.database_url.get_secret_value(),
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": SECRET,
            "PLATFORM_API_KEY": PLATFORM_KEY,
            "DATA_DIR": str(self.config.data_dir),
            "ENVIRONMENT": "development",
        }
        command = ("doctor", "--json", *arguments)
        result = await asyncio.to_thread(CliRunner().invoke, app, command, env={**usual, **environment})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, json.loads(result.stdout)

    async def faults(self, *arguments: str, **environment: str) -> list[tuple[str, str, str]]:
        """Severity, subject and text of what is not as it should be. Whatever is wrong comes with a cure, and errors
        alone end with 1."""
        code, found = await self.examine(*arguments, **environment)
        wrong = [item for item in found if item["severity"] != "ok"]
        assert all(item["mend"] for item in wrong)
        assert code == any(item["severity"] == "error" for item in wrong)
        return [(item["severity"], item["about"], item["what"]) for item in wrong]

    @asynccontextmanager
    async def broken(self, sql: str, mend: str) -> AsyncIterator[None]:
        """The database after one statement, and after another once more as it was."""
        async with connect(self.config.owner_url) as owner:
            await owner.execute(sql)
            try:
                yield
            finally:
                await owner.execute(mend)


@pytest.fixture(scope="module")
async def patient(servers: Servers) -> AsyncIterator[Patient]:
    """Two tenants, ``tenant_sick`` and ``tenant_sound``."""
    config = servers.config(servers.new_database())
    async with running(config) as (_, http):
        for name in ("tenant_sick", "tenant_sound"):
            tenant = await create_tenant(http, name)
            assert (await tenant.owner.get("/settings/audit-logs/checkpoint")).status_code == 200
        yield Patient(config, servers.valkey.url)
