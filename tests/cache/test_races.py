"""A writer beside readers in two workers: nobody sees what is older than a second, nothing stale is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest
from fastapi import FastAPI

from common.config import Config
from tests.cache.race import Race
from tests.cache.subjects import flag_of, principal_of, registered_tenant, setting_of
from tests.cache.valkey import Stoppable, own_valkey
from tests.cache.workers import Pair, pair_of
from tests.support.apps import registered
from tests.support.servers import Servers
from tests.support.world import Api, TestTenant, add_person

ROUNDS: Final = 1_000
FEWER_ROUNDS: Final = 300  # in the everyday suite, where the same is raced in other ways
FEW_ROUNDS: Final = 40


@pytest.fixture
async def valkey() -> AsyncIterator[Stoppable]:
    """A server for one race."""
    async with own_valkey() as started:
        yield started


@pytest.fixture
async def pair(servers: Servers, config: Config, app: FastAPI, valkey: Stoppable) -> AsyncIterator[Pair]:
    """Two workers with Redis."""
    del app  # it prepared the database
    own = servers.config(config.database_url.get_secret_value(), redis_url=valkey.url)
    async with pair_of(own, own) as started:
        yield started


@pytest.mark.promise("I2")
async def test_settings_with_redis(
    pair: Pair, valkey: Stoppable, app: FastAPI, tenant: TestTenant, all_rounds: int | None
) -> None:
    async with setting_of(pair, await registered(app, tenant.name), tenant.owner) as subject:
        race = Race(pair, subject, valkey)

        await race.run(all_rounds or ROUNDS)

        await race.check()
        assert await race.stored(pair.here) == len(race.commits) - 1


@pytest.mark.promise("I2")
async def test_settings_without_redis(
    servers: Servers, config: Config, app: FastAPI, tenant: TestTenant, all_rounds: int | None
) -> None:
    own = servers.config(config.database_url.get_secret_value(), redis_url="none")
    async with (
        pair_of(own, own) as pair,
        setting_of(pair, await registered(app, tenant.name), tenant.owner) as subject,
    ):
        race = Race(pair, subject, None)

        await race.run(all_rounds or FEWER_ROUNDS)

        await race.check()


@pytest.mark.promise("I2", "S3")
async def test_settings_while_redis_is_frozen_and_killed(
    pair: Pair, valkey: Stoppable, app: FastAPI, tenant: TestTenant, all_rounds: int | None
) -> None:
    """What was forgotten while it was frozen stays forgotten when it goes on, with all that it had."""
    rounds = all_rounds or FEWER_ROUNDS
    events = {
        rounds // 6: valkey.freeze,
        rounds * 2 // 6: valkey.thaw,
        rounds * 3 // 6: valkey.kill,
        rounds * 4 // 6: valkey.start,
    }
    async with setting_of(pair, await registered(app, tenant.name), tenant.owner) as subject:
        race = Race(pair, subject, valkey)

        await race.run(rounds, events)

        await race.check()
        while await race.stored(pair.there) is None:  # until it is asked again, which is no promise
            await pair.there.do(subject.read(pair.there))
            await asyncio.sleep(0.05)
        await race.check()


@pytest.mark.promise("I2")
async def test_flags_principals_and_the_registry_of_tenants(
    pair: Pair, valkey: Stoppable, app: FastAPI, tenant: TestTenant
) -> None:
    """The same mechanism, so a few rounds of each."""
    known = await registered(app, tenant.name)
    owner = Api(pair.here.http, tenant.owner.headers)
    person = await add_person(pair.here.http, tenant, "viewer")
    subjects = (
        await flag_of(known, owner),
        await principal_of(pair, known, owner, person),
        await registered_tenant(pair, known),
    )

    for subject in subjects:
        race = Race(pair, subject, valkey)
        await race.run(FEW_ROUNDS)
        await race.check()
