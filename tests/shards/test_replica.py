"""A replica of the home database beside a shard: whose reads it answers, and what a move does to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

import main
from manage.embedded import EmbeddedPostgres
from migrations.startup import Startup
from tests.cache.valkey import own_valkey
from tests.replica.standby import DATABASE, OUTCOMES, Standby, replicated
from tests.shards.pair import Pair
from tests.support.servers import Servers
from tests.support.waiting import until
from tests.support.world import TestTenant, client_of

SHARD: Final = "beside_a_replica"


@pytest.fixture(scope="module")
async def pair_and_standby(
    servers: Servers, second: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Pair, Standby]]:
    """An application on a home with a standby, and on a shard without."""
    second.create_database(SHARD)
    folder: Path = tmp_path_factory.mktemp("replicated")
    with replicated() as (primary, server):
        async with own_valkey() as valkey:
            config = servers.config(
                primary.url(DATABASE),
                database_replica_url=server.url(DATABASE),
                database_shards=f"north={second.url(SHARD)}",
                redis_url=valkey.url,
                data_dir=folder,
                access_token_seconds=3600,
            )
            await Startup(config).run()
            await Startup(config, "north").run()
            app = main.create_app(config)
            async with app.router.lifespan_context(app), client_of(app) as http:
                pair = await Pair.populate(config, app, http)
                await until(lambda: answered_there(pair, pair.tenants["default"][0]))
                yield pair, Standby(server)


async def outcomes(pair: Pair) -> dict[str, float]:
    """The reads that the standby might have answered, by what became of them."""
    families = text_string_to_metric_families((await pair.http.get("/metrics")).text)
    samples = next(family.samples for family in families if family.name == OUTCOMES)
    return {item.labels["outcome"]: item.value for item in samples if item.name.endswith("_total")}


async def answered_there(pair: Pair, tenant: TestTenant) -> bool:
    """Whether the standby answers the tenant's lists."""
    before = (await outcomes(pair)).get("replica", 0)
    assert (await tenant.owner.get("/tools/notes")).status_code == 200
    return (await outcomes(pair)).get("replica", 0) > before


async def write(tenant: TestTenant, title: str) -> None:
    """A note."""
    assert (await tenant.owner.post("/tools/notes", json={"title": title})).status_code == 201


async def titles(tenant: TestTenant) -> set[str]:
    """What a list shows."""
    return {item["title"] for item in (await tenant.owner.get("/tools/notes")).json()["items"]}


async def test_tenants_on_a_shard_read_their_own_primary(pair_and_standby: tuple[Pair, Standby]) -> None:
    pair, _ = pair_and_standby
    there = pair.tenants["north"][0]
    before = await outcomes(pair)

    await write(there, "on the shard")
    shown = await titles(there)
    exported = await there.owner.get("/settings/audit-logs/export")

    assert shown == {"on the shard"}
    assert exported.status_code == 200
    assert await outcomes(pair) == before  # nobody has thought of asking the standby
    checks = (await pair.http.get("/readiness")).json()["checks"]
    assert (checks["replica"], checks["shards"]) == ("pass", "pass")


async def test_a_tenant_that_comes_back_is_not_shown_as_it_left(pair_and_standby: tuple[Pair, Standby]) -> None:
    """Though the standby still has it as it was, and Redis knew the version of that."""
    pair, standby = pair_and_standby
    tenant = pair.tenants["default"][1]
    await until(lambda: answered_there(pair, tenant))
    await write(tenant, "before")
    await standby.catch_up(pair.config.database_url.get_secret_value().replace("+asyncpg", ""))
    await standby.pause()
    try:
        assert await titles(tenant) == {"before"}
        await pair.move(tenant, "north")
        await write(tenant, "on the shard")
        assert await titles(tenant) == {"before", "on the shard"}
        await pair.move(tenant, "default")
        assert await titles(tenant) == {"before", "on the shard"}
    finally:
        await standby.resume()
    await until(lambda: answered_there(pair, tenant))
    assert await titles(tenant) == {"before", "on the shard"}
