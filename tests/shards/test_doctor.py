"""``python -m manage doctor`` with tenants on two servers: it looks at both, and compares them with the registry."""

from __future__ import annotations

import pytest

from migrations.tenant import expected_revision
from tests.doctor.conftest import Patient
from tests.shards.pair import Pair
from tests.support.apps import connect
from tests.support.servers import Servers

TAMPER = """
SET search_path TO {0}; ALTER TABLE audit_logs DISABLE TRIGGER USER;
UPDATE audit_logs SET action = '{1}' WHERE seq = 2;
ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_refuse_change;
ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_refuse_truncate
"""


class TwoServers(Patient):
    """What the doctor is shown, with the shard in his variables."""

    async def examine(self, *arguments: str, **environment: str) -> tuple[int, list[dict[str, str]]]:
        """The exit code, and what was found."""
        shards = self.config.database_shards
        assert shards is not None
        variables = {"DATABASE_SHARDS": shards.get_secret_value(), **environment}
        return await Patient.examine(self, *arguments, **variables)


@pytest.fixture
def doctor(pair: Pair, servers: Servers) -> TwoServers:
    """Asked about both servers."""
    return TwoServers(pair.config, servers.valkey.url)


async def test_two_sound_servers_have_no_faults(doctor: TwoServers) -> None:
    code, found = await doctor.examine("--deep")

    assert (code, [item for item in found if item["severity"] != "ok"]) == (0, [])
    said = {(item["about"], item["what"]) for item in found}
    for about in ("database", "database north"):
        assert (about, "the schemas of 2 tenants are as the migrations make them") in said
    assert ("shards", "all tenants are where the registry has them, on 2 servers") in said
    assert any(what.startswith("5 logs are whole") for _, what in said)


async def test_what_was_changed_on_a_shard_is_named(doctor: TwoServers, pair: Pair) -> None:
    name = pair.tenants["north"][0].name
    async with pair.owner("north") as shard:
        action = await shard.fetchval(f"SELECT action FROM {name}.audit_logs WHERE seq = 2")
        await shard.execute(TAMPER.format(name, "innocent"))
        broken = await doctor.faults()
        await shard.execute(TAMPER.format(name, action))
        await shard.execute(f"REVOKE SELECT ON {name}.users FROM {name}")
        drifted = await doctor.faults()
        await shard.execute(f"GRANT SELECT ON {name}.users TO {name}")

    assert broken == [("error", name, "its audit log is broken: altered at entry 2")]
    assert drifted == [("error", name, "differs from the migrations: - users: SELECT to SCHEMA")]


async def test_a_shard_that_was_restored_to_an_earlier_moment_is_named(doctor: TwoServers, pair: Pair) -> None:
    """A tenant has come to it since, another was dropped."""
    newest, old = (tenant.name.removeprefix("tenant_") for tenant in pair.tenants["north"])
    here = pair.tenants["default"][0].name.removeprefix("tenant_")
    async with pair.owner("north") as shard, connect(pair.config.owner_url) as home:
        await shard.execute("UPDATE system.tenants SET id = id || '_gone' WHERE id = $1", newest)
        faults = await doctor.faults()
        await shard.execute("UPDATE system.tenants SET id = $1 WHERE id = $1 || '_gone'", newest)
        await shard.execute("UPDATE system.tenants SET revision = '0010' WHERE id = $1", old)
        behind = await doctor.faults()
        await shard.execute("UPDATE system.tenants SET revision = $1", expected_revision())
        await home.execute("UPDATE system.tenants SET shard = 'west' WHERE id = $1", here)
        unknown = await doctor.faults()
        await home.execute("UPDATE system.tenants SET shard = 'default' WHERE id = $1", here)

    lacking = f"lacks tenants that the registry places here: {newest}"
    left = f"has what is left of tenants that are elsewhere: {newest}_gone"
    assert ("error", "database north", lacking) in faults
    assert ("warning", "database north", left) in faults
    apart = f"has tenants at another revision than the registry: {old}"
    assert ("error", "database north", apart) in behind
    assert ("error", "shards", f"tenants are on west, which is not known here: {here}") in unknown
    assert await doctor.faults() == []


async def test_a_shard_that_is_away_is_named(doctor: TwoServers) -> None:
    away = await doctor.faults(DATABASE_SHARDS="north=postgresql://a:long-and-strange-1@127.0.0.1:1/b")

    assert {(severity, about) for severity, about, _ in away} == {("error", "database north")}
