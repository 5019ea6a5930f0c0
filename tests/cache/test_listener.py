"""The connection that hears of changes comes back, however it was lost."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from common.config import Config
from common.shards import HOME
from tests.support.apps import running, services_of
from tests.support.servers import Servers
from tests.support.waiting import until
from tests.support.wire import GOOD_BYE, wire_to


@pytest.mark.promise("S2", "I2")
async def test_a_server_that_says_good_bye_and_does_not_hang_up_is_left(
    servers: Servers, config: Config, app: FastAPI
) -> None:
    """As one does that is shut down: its word comes before the end of the connection, and asyncpg runs nothing more."""
    del app  # it prepared the database
    url = config.database_url.get_secret_value()
    async with wire_to(url) as wire:
        direct = servers.config(url, database_owner_url=url, database_direct_url=wire.url)
        async with running(direct) as (own, _):
            caches = services_of(own).caches
            await until(lambda: caches.hears(HOME))
            assert wire.connections == 1

            wire.say(GOOD_BYE)

            await until(lambda: wire.connections == 2 and caches.hears(HOME))
