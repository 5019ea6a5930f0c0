"""Two PostgreSQL servers, and an application whose tenants are on both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import main
from manage.embedded import EmbeddedPostgres
from migrations.startup import Startup
from tests.shards.pair import Pair
from tests.support.servers import FAST, Servers
from tests.support.world import client_of


@pytest.fixture(scope="session")
def second() -> Iterator[EmbeddedPostgres]:
    """A server beside that of the other tests."""
    with TemporaryDirectory(prefix="service-shard-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # root's server runs as another user
        with EmbeddedPostgres(folder / "postgres", settings=FAST) as server:
            yield server


@pytest.fixture(scope="module")
async def pair(
    servers: Servers, second: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pair]:
    """An application on a database of each server, with two tenants at home and two on the shard."""
    folder = tmp_path_factory.mktemp("pair")
    home = servers.new_database()
    name = home.partition("@/")[2].partition("?")[0]
    second.create_database(name)
    config = servers.config(
        home, database_shards=f"north={second.url(name)}", data_dir=folder, access_token_seconds=3600
    )
    await Startup(config).run()
    await Startup(config, "north").run()
    app = main.create_app(config)
    async with app.router.lifespan_context(app), client_of(app) as http:
        yield await Pair.populate(config, app, http)
