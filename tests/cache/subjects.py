"""What is kept in the cache: settings, flags, principals, the registry of tenants."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from common.audit import Origin
from common.cache.two_level import Message
from common.ids import new_id
from database import Database, Tenant
from migrations.login import service_login
from serving.visit import Visit
from settings.entries.schemas import SettingPatch
from settings.entries.service import update_setting
from settings.values.stored import decode_layer
from tests.cache.race import Subject
from tests.cache.workers import Pair, Worker
from tests.support.servers import PLATFORM_KEY
from tests.support.world import Api, Person

KEY: Final = "race.round"
FLAG: Final = "race-round"


def _when_done(answer: httpx.Response) -> float:
    assert answer.is_success, answer.text
    return time.monotonic()


@asynccontextmanager
async def setting_of(pair: Pair, tenant: Tenant, owner: Api) -> AsyncIterator[Subject]:
    """A setting, changed by the service's own functions, which spares a thousand requests."""
    _when_done(await owner.post("/settings", json={"key": KEY, "value": 0, "value_type": "integer"}))
    services = pair.here.services
    acknowledged = [0.0]

    async def note_and_forget(stale: Sequence[Message]) -> None:
        acknowledged[0] = time.monotonic()
        await services.caches.forget(stale)

    database = Database(services.config, service_login(services.config).url, note_and_forget)

    async def write(number: int) -> float:
        visit = Visit(services, Origin(str(new_id())))
        visit.tenant, visit.settings = tenant, await services.find_settings(tenant)
        async with database.write(tenant, origin=visit.origin) as unit:
            await update_setting(unit, visit, KEY, SettingPatch(value=number), None)
        return acknowledged[0]

    async def read(worker: Worker) -> int:
        view: Any = await worker.services.find_settings(tenant)
        return int(view.own[KEY].value)

    def decode(data: bytes) -> int:
        return int(decode_layer(json.loads(data))[KEY].value)

    try:
        yield Subject(write, read, f"{tenant.name.schema}/settings", "all", decode)
    finally:
        await database.close()


async def flag_of(tenant: Tenant, owner: Api) -> Subject:
    """A flag with the round in its metadata."""
    body = {"key": FLAG, "variants": {"on": True}, "default_variant": "on", "metadata": {"round": 0}}
    _when_done(await owner.post("/settings/feature-flags", json=body))

    async def write(number: int) -> float:
        body = {"metadata": {"round": number}}
        return _when_done(await owner.patch(f"/settings/feature-flags/{FLAG}", json=body))

    async def read(worker: Worker) -> int:
        found: Any = await worker.services.find_flag_set(tenant)
        return int(found.flags[FLAG].metadata["round"])

    def decode(data: bytes) -> int:
        return int(json.loads(data)["flags"][0]["metadata"]["round"])

    return Subject(write, read, f"{tenant.name.schema}/flags", "set", decode)


async def principal_of(pair: Pair, tenant: Tenant, owner: Api, person: Person) -> Subject:
    """Somebody's role, renamed in every round."""
    made = await owner.post("/users/roles", json={"name": "round-0", "permissions": ["users:read"]})
    _when_done(made)
    role_id = made.json()["id"]
    _when_done(await owner.put(f"/users/{person.id}/roles", json={"role_ids": [role_id]}))
    claims = pair.here.services.access_tokens.verify(person.tokens["access_token"])

    async def write(number: int) -> float:
        return _when_done(await owner.patch(f"/users/roles/{role_id}", json={"name": f"round-{number}"}))

    async def read(worker: Worker) -> int:
        services = worker.services
        bearer = await services.find_bearer(tenant, claims, await services.find_settings(tenant))
        assert bearer is not None
        ((_, name),) = bearer.principal.roles
        return int(name.removeprefix("round-"))

    def decode(data: bytes) -> int:
        ((_, name),) = json.loads(data)["principal"]["roles"]
        return int(name.removeprefix("round-"))

    return Subject(write, read, f"{tenant.name.schema}/principals", str(claims.session_id), decode)


async def registered_tenant(pair: Pair, tenant: Tenant) -> Subject:
    """A tenant that is suspended in every odd round and active in every even one."""
    operator = Api(pair.here.http, {"X-Platform-Key": PLATFORM_KEY})
    rounds = [0]

    async def write(number: int) -> float:
        status = ("active", "suspended")[number % 2]
        rounds[0] = number
        return _when_done(await operator.patch(f"/platform/tenants/{tenant.name.tenant_id}", json={"status": status}))

    def round_of(status: str) -> int:
        """The last of that status: older ones look alike."""
        last = rounds[0]
        return last if status == ("active", "suspended")[last % 2] else last - 1

    async def read(worker: Worker) -> int:
        found = await worker.services.find_tenant(tenant.name)
        assert found is not None
        return round_of(found.status)

    return Subject(write, read, "system/tenants", tenant.name.schema, lambda data: round_of(json.loads(data)[2]))
