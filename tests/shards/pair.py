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

    def owner(self, shard: str) -> Any:
        """A connection of that server's owner."""
        return connect(self.config.on(shard).owner_url)

    async def schemas(self, shard: str, tenant: TestTenant) -> set[str]:
        """Under which names that server has the tenant's tables."""
        names = [tenant.name, tenant.name.replace("tenant_", "moving_", 1)]
        async with self.owner(shard) as owner:
            rows = await owner.fetch("SELECT nspname FROM pg_namespace WHERE nspname = ANY($1)", names)
        return {row["nspname"] for row in rows}
