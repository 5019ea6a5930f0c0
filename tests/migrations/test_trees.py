"""Revisions, the batch made from them and the models describe the same schema, and every step has a way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from common.config import Config
from migrations.drift import Description, describe, unordered
from migrations.tenant import expected_revision, render_schema_sql, rights_sql, schema_sql
from migrations.trees import Tree, as_sql, configuration, downgrade, head, newest_file, upgrade, upgrade_in_turn
from shared_models import SystemBase, TenantBase
from tests.support.apps import connect
from tests.support.clusters import make_tenant
from tests.support.fleet import in_schema, owner_runs
from tests.support.servers import Servers

MADE_BY_MODELS = ("columns", "constraints", "indexes", "others")


@pytest.fixture
async def owner(empty: Config) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection."""
    async with connect(empty.owner_url) as connection:
        yield connection


async def migrated(config: Config, schema: str) -> Description:
    """A schema that Alembic built revision by revision, with the rights of a tenant."""
    await owner_runs(config, f"CREATE SCHEMA {schema}", f"CREATE ROLE {schema}")
    async with in_schema(config.owner_url, schema) as connection:
        await connection.run_sync(upgrade, "tenant")
    await owner_runs(config, rights_sql(schema, schema))
    async with connect(config.owner_url) as owner:
        return await describe(owner, schema)


def test_the_batch_is_what_the_revisions_say() -> None:
    """`make schema` writes it again."""
    assert schema_sql() == render_schema_sql(as_sql("tenant"), head("tenant"))
    assert expected_revision() == head("tenant")


async def test_a_tenant_of_the_batch_equals_one_that_was_migrated(empty: Config, owner: asyncpg.Connection) -> None:
    await make_tenant(empty, "batch")

    of_the_batch, of_the_revisions = await describe(owner, "tenant_batch"), await migrated(empty, "tenant_walked")

    assert of_the_batch == of_the_revisions
    assert all(of_the_batch[kind] for kind in of_the_batch if kind != "others")
    assert len(of_the_batch["columns"]) > 100


async def test_the_models_describe_what_the_revisions_make(empty: Config, owner: asyncpg.Connection) -> None:
    await make_tenant(empty, "made")
    await owner.execute("CREATE SCHEMA tenant_models")
    async with in_schema(empty.owner_url, "tenant_models") as connection:
        await connection.run_sync(TenantBase.metadata.create_all)

    models, revisions = [unordered(await describe(owner, name)) for name in ("tenant_models", "tenant_made")]

    for kind in MADE_BY_MODELS:
        assert models[kind] == {line for line in revisions[kind] if "alembic_version" not in line}


async def test_the_system_models_describe_what_the_revisions_make(servers: Servers, owner: asyncpg.Connection) -> None:
    url = servers.new_database()
    async with connect(url) as other:
        await other.execute("CREATE SCHEMA system")
        async with in_schema(url.replace("://", "+asyncpg://"), "public") as connection:
            await connection.run_sync(SystemBase.metadata.create_all)
        models = unordered(await describe(other, "system"))

    revisions = unordered(await describe(owner, "system"))

    for kind in MADE_BY_MODELS:
        assert models[kind] == {line for line in revisions[kind] if "alembic_version" not in line}


@pytest.mark.parametrize(("tree", "path"), [("system", "public"), ("tenant", "tenant_checked")])
async def test_autogenerate_has_nothing_to_add(empty: Config, tree: Tree, path: str) -> None:
    await owner_runs(empty, f"CREATE SCHEMA IF NOT EXISTS {path}")

    def check(connection: Connection) -> None:
        upgrade(connection, tree)
        command.check(configuration(tree, connection))  # raises when it finds a difference

    async with in_schema(empty.owner_url, path) as connection:
        await connection.run_sync(check)


@pytest.mark.parametrize("tree", ["system", "tenant"])
async def test_every_revision_has_a_way_back(servers: Servers, tree: Tree) -> None:
    url, schema = servers.new_database(), "system" if tree == "system" else "tenant_back"
    path = "public" if tree == "system" else schema
    revisions = [script.revision for script in ScriptDirectory.from_config(configuration(tree)).walk_revisions()]
    async with connect(url) as owner:
        await owner.execute(f"CREATE SCHEMA {schema}")

        async def move(run: object, revision: str) -> Description:
            async with in_schema(url.replace("://", "+asyncpg://"), path) as connection:
                await connection.run_sync(run, tree, revision)  # type: ignore[arg-type]
            return await describe(owner, schema)

        states = {revision: await move(upgrade, revision) for revision in reversed(revisions)}
        for revision in revisions[1:]:
            assert await move(downgrade, revision) == states[revision]
        bare = await move(downgrade, "base")
        assert {line.split(".")[0] for line in bare["columns"]} == {"alembic_version"}
        assert bare["functions"] == bare["triggers"] == set()
        assert await move(upgrade, "head") == states[revisions[0]]


async def test_upgrades_at_once_in_one_process_do_not_mix(empty: Config, owner: asyncpg.Connection) -> None:
    """Alembic keeps the connection it works on in module globals."""
    schemas = [f"tenant_parallel{number}" for number in range(3)]
    await owner_runs(empty, *(f"CREATE SCHEMA {schema}" for schema in schemas))

    async def build(schema: str) -> None:
        async with in_schema(empty.owner_url, schema) as connection:
            await upgrade_in_turn(connection, "tenant")

    await asyncio.gather(*(build(schema) for schema in schemas))

    first, second, third = [await describe(owner, schema) for schema in schemas]
    assert first["functions"]
    assert first == second == third


def test_each_tree_is_one_line_of_numbered_revisions() -> None:
    for tree in ("system", "tenant"):
        scripts = ScriptDirectory.from_config(configuration(tree))
        revisions = [script.revision for script in scripts.walk_revisions()]

        assert scripts.get_heads() == [newest_file(tree)]
        assert sorted(revisions) == [f"{number:04}" for number in range(1, len(revisions) + 1)]
