"""The doctor finds nothing where an administrator has prepared things by the book, on every version there is here."""

from __future__ import annotations

import pytest

from manage.doctor.databases import examine_database
from migrations.bootstrap import prepare_database
from tests.support.clusters import cluster, installed_versions, make_tenant, plain_database


@pytest.mark.parametrize("version", sorted(installed_versions()))
async def test_an_owner_without_superuser_is_enough(version: int) -> None:
    with cluster(version) as server:
        for number, login in enumerate((None, "NOINHERIT", "INHERIT")):
            config = await plain_database(server, login=login)
            await prepare_database(config)
            for name in ("first", "second"):
                await make_tenant(config, f"tenant_{name}{number}")

            found = await examine_database(config, "default", lambda _done, _all: None)

            assert {item.severity for item in found} == {"ok"}, found
            assert f"PostgreSQL {version}." in found[0].what
