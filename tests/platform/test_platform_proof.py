"""The platform's own audit log proves itself as a tenant's does: signed checkpoints, verification."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import asyncpg
import pytest

from common.clock import now
from settings.audit.signing import checkpoint_holds
from settings.housekeeping import tend_audit_logs
from tests.manage.commands import CommandLine
from tests.support.apps import services_of
from tests.support.post import PostOffice
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY
from tests.support.world import Api, create_tenant

pytestmark = pytest.mark.promise("D3")

LOG: Final = "/platform/audit-logs"
KEPT: Final = ("audit_logs", "audit_chain", "audit_checkpoints")


@pytest.fixture
async def operator(office: PostOffice) -> Api:
    """The operator of a platform whose log has some entries."""
    operator = Api(office.http, {"X-Platform-Key": PLATFORM_KEY})
    for name in ("first", "second", "third"):
        assert (await operator.post("/platform/keys", json={"name": name})).status_code == 201
    return operator


@pytest.fixture
async def superuser(office: PostOffice, operator: Api) -> AsyncIterator[asyncpg.Connection]:
    """The database's superuser with the triggers out of his way, and everything as it was afterwards."""
    async with owner_connection(office.config, "system") as connection:
        for table in KEPT:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            await connection.execute(f"CREATE TEMPORARY TABLE kept_{table} AS TABLE {table}")
        yield connection
        for table in KEPT:
            await connection.execute(f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}")
            if table != "audit_chain":
                for name in ("change", "truncate"):
                    await connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_refuse_{name}")


async def verified(operator: Api) -> dict[str, Any]:
    answer = await operator.post(f"{LOG}/verify")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_checkpoint_is_signed_for_the_platform(office: PostOffice, operator: Api) -> None:
    newest = (await operator.get(LOG, params={"limit": 1})).json()["items"][0]

    first, again = [await operator.get(f"{LOG}/checkpoint") for _ in range(2)]

    checkpoint = first.json()
    assert (checkpoint["tenant"], checkpoint["size"], checkpoint["head_hash"]) == (
        "system", newest["seq"], newest["hash"],
    )  # fmt: skip
    assert again.json() == checkpoint
    async with owner_connection(office.config, "system") as owner:
        row = await owner.fetchrow("SELECT * FROM audit_checkpoints WHERE size = $1", checkpoint["size"])
    stored = type("Stored", (), dict(row))
    assert checkpoint_holds(services_of(office.app).audit_seals, "system", stored) is True
    assert await verified(operator) == {"ok": True, "checked": newest["seq"], "first_break": None}


@pytest.mark.parametrize(
    ("statements", "kind"),
    [
        (["UPDATE audit_logs SET action = 'innocent' WHERE seq = $1"], "altered"),
        (["DELETE FROM audit_logs WHERE seq >= $1"], "truncated"),
        # Head and all, so that the chain fits: only the checkpoint knows better.
        (
            ["DELETE FROM audit_logs WHERE seq >= $1",
             "UPDATE audit_chain SET (seq, hash) = (SELECT seq, hash FROM audit_logs WHERE seq = $1 - 1)"],
            "truncated",
        ),
        (["UPDATE audit_checkpoints SET signature = sha256('x') WHERE size > $1"], "checkpoint_forged"),
    ],
    ids=["altered", "cut off", "cut off with the head", "forged"],
)  # fmt: skip
async def test_tampering_is_found(
    operator: Api, office: PostOffice, superuser: asyncpg.Connection, statements: list[str], kind: str
) -> None:
    size = (await operator.get(f"{LOG}/checkpoint")).json()["size"]
    for statement in statements:
        await superuser.execute(statement, size - 1)

    found = await verified(operator)
    told = await CommandLine(office.config).run("audit", "verify", "--system")

    assert (found["ok"], found["first_break"]["kind"]) == (False, kind)
    assert (told.failure is not None, kind in told.stdout) == (True, True)
    if len(statements) > 1:
        refused = await operator.get(f"{LOG}/checkpoint")
        assert (refused.status_code, refused.json()["code"]) == (409, "audit_chain_broken")


async def test_it_is_signed_once_a_day_when_it_has_grown(office: PostOffice, operator: Api) -> None:
    services = services_of(office.app)
    async with owner_connection(office.config, "system") as owner:
        count = "SELECT count(*) FROM audit_checkpoints"
        before = await owner.fetchval(count)
        await tend_audit_logs(services, now() + timedelta(days=1))
        await tend_audit_logs(services, now() + timedelta(days=1))
        assert await owner.fetchval(count) == before + 1
        await operator.post("/platform/keys", json={"name": "grown"})
        await tend_audit_logs(services, now() + timedelta(days=2))
        assert await owner.fetchval(count) == before + 2


async def test_nobody_but_the_service_adds_a_checkpoint_and_nobody_changes_one(
    office: PostOffice, operator: Api
) -> None:
    await operator.get(f"{LOG}/checkpoint")
    async with owner_connection(office.config, "system") as owner:
        for statement in ("UPDATE audit_checkpoints SET size = size", "DELETE FROM audit_checkpoints"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="the audit log cannot be changed"):
                await owner.execute(statement)
    tenant = await create_tenant(office.http)
    for path in ("verify", "checkpoint"):
        method = "POST" if path == "verify" else "GET"
        assert (await tenant.owner.request(method, f"{LOG}/{path}")).status_code == 401
