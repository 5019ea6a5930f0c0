"""An application with a shard, and what tests do with it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from common.audit import PLATFORM, Origin
from common.config import Config
from common.ids import TenantName
from migrations.move import Moved, TenantMover
from migrations.provision import TenantProvisioner
from serving.visit import Visit
from tests.support.apps import connect, services_of
from tests.support.servers import PLATFORM_KEY
from tests.support.world import PASSWORD, Api, TestTenant, sign_in
from users.operators import FirstAdministrator, TenantCreate, create_tenant

SHARDS = ("default", "north")
_numbers = itertools.count(1)


def parse(name: str) -> TenantName:
    """A name that is one."""
    parsed = TenantName.parse(name)
    assert parsed is not None
    return parsed


@dataclass(slots=True)
class Pair:
    """The application, and its tenants by shard: twins all four of them."""

    config: Config
    app: FastAPI
    http: httpx.AsyncClient
    tenants: dict[str, list[TestTenant]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def populate(cls, config: Config, app: FastAPI, http: httpx.AsyncClient) -> Pair:
        """With two tenants on each server."""
        made = cls(config, app, http)
        for shard in SHARDS:
            made.tenants[shard] = [await made.tenant(shard) for _ in range(2)]
        return made

    @property
    def operator(self) -> Api:
        """The platform's operator."""
        return Api(self.http, {"X-Platform-Key": PLATFORM_KEY})

    async def tenant(self, shard: str, name: str | None = None) -> TestTenant:
        """A new tenant on that server, with its owner."""
        name = name or f"tenant_{shard}{next(_numbers)}"
        canary = f"canary-of-{name}"
        visit = Visit(services_of(self.app), Origin("tests"))
        visit.name, visit.operator = parse(name), PLATFORM
        admin = FirstAdministrator(
            email="owner@twin.example", username="owner", password=PASSWORD, full_name=f"Owner {canary}"
        )
        await create_tenant(visit, TenantCreate(name=canary, admin=admin), shard=shard)
        tenant = TestTenant(name, canary, Api(self.http, {"X-Tenant-ID": name}))
        tenant.people["owner"] = await sign_in(self.http, tenant, "owner")
        roles = (await tenant.owner.get("/users/roles")).json()["items"]
        tenant.role_ids = {role["name"]: role["id"] for role in roles}
        return tenant

    async def move(self, tenant: TestTenant, target: str, **options: Any) -> Moved | None:
        """Move a tenant, as the command does."""
        mover = TenantMover(TenantProvisioner(self.config))
        return await mover.move(parse(tenant.name), target, Origin("tests"), actor=PLATFORM, **options)

    async def fill(self, tenant: TestTenant, notes: int = 3) -> None:
        """Something to move: notes, and an API key that opens them."""
        for number in range(notes):
            made = await tenant.owner.post("/tools/notes", json={"title": f"{tenant.canary} {number}"})
            assert made.status_code == 201, made.text
        key = {"name": "mover", "permissions": ["notes:read"]}
        made = await tenant.owner.post("/users/api-keys", json=key)
        assert made.status_code == 201, made.text
        self.keys[tenant.name] = made.json()["key"]

    async def assert_whole(self, tenant: TestTenant, shard: str, notes: int = 3) -> None:
        """The tenant is there, once, with all that was open before, and its log proves itself."""
        (other,) = set(SHARDS) - {shard}
        shown = (await self.operator.get(f"/platform/tenants/{tenant.name}")).json()
        assert (shown["shard"], shown["moving_to"]) == (shard, None)
        assert await self.schemas(shard, tenant) == {tenant.name}
        assert await self.schemas(other, tenant) == set()
        titles = [item["title"] for item in (await tenant.owner.get("/tools/notes")).json()["items"]]
        assert sorted(titles) == sorted(f"{tenant.canary} {number}" for number in range(notes))
        by_key = {"X-API-Key": self.keys[tenant.name], "X-Tenant-ID": tenant.name}
        assert (await tenant.anonymous.get("/tools/notes", headers=by_key)).status_code == 200
        assert (await tenant.owner.post("/settings/audit-logs/verify")).json()["ok"]
        body = {"refresh_token": tenant.people["owner"].tokens["refresh_token"]}
        renewed = await tenant.anonymous.post("/auth/refresh", json=body)
        assert renewed.status_code == 200, renewed.text
        tenant.people["owner"].tokens.update(renewed.json())

    async def log_of(self, tenant: TestTenant, shard: str) -> list[Any]:
        """The audit log as it is stored there."""
        async with self.owner(shard) as owner:
            return [tuple(row) for row in await owner.fetch(f"SELECT * FROM {tenant.name}.audit_logs ORDER BY seq")]

    def owner(self, shard: str) -> Any:
        """A connection of that server's owner."""
        return connect(self.config.on(shard).owner_url)

    async def schemas(self, shard: str, tenant: TestTenant) -> set[str]:
        """Under which names that server has the tenant's tables."""
        names = [tenant.name, tenant.name.replace("tenant_", "moving_", 1)]
        async with self.owner(shard) as owner:
            rows = await owner.fetch("SELECT nspname FROM pg_namespace WHERE nspname = ANY($1)", names)
        return {row["nspname"] for row in rows}
