"""Tampering as the database's superuser, whom no right and no trigger stops, is found and located."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import asyncpg
import pytest
from fastapi import FastAPI

from common.clock import now
from common.config import Config
from settings.audit import checking
from settings.audit.signing import seal_tombstone
from tests.audit_log.conftest import unit_of
from tests.support.apps import services_of
from tests.support.audit_chain import hash_of
from tests.support.probes import owner_connection
from tests.support.world import TestTenant

pytestmark = pytest.mark.promise("D3")

PATH: Final = "/settings/audit-logs"
LAST, NEXT = -1, -2  # the number of the newest entry, and the one after it
HEAD: Final = "UPDATE audit_chain SET (seq, hash) = (SELECT seq, hash FROM audit_logs ORDER BY seq DESC LIMIT 1)"
# what was done: (statements, the number it must be found at, the kind)
TAMPERING: Final[dict[str, tuple[tuple[str, ...], int, str]]] = {
    "action": (("UPDATE audit_logs SET action = 'innocent' WHERE seq = 6",), 6, "altered"),
    "nothing": (("UPDATE audit_logs SET actor_name = '' WHERE seq = 7 AND actor_name IS NULL",), 7, "altered"),
    "json": (("UPDATE audit_logs SET changes = '[{}]' WHERE seq = 8",), 8, "altered"),
    "time": (("UPDATE audit_logs SET occurred_at = occurred_at + interval '1 us' WHERE seq = 1",), 1, "altered"),
    "hash": (("UPDATE audit_logs SET hash = sha256('x') WHERE seq = 9",), 9, "altered"),
    "link": (("UPDATE audit_logs SET prev_hash = sha256('x') WHERE seq = 9",), 9, "altered"),
    "last": (("UPDATE audit_logs SET outcome = 'success' WHERE seq = (SELECT seq FROM audit_chain)",), LAST, "altered"),
    "deleted": (("DELETE FROM audit_logs WHERE seq = 6",), 6, "deleted"),
    "deleted first": (("DELETE FROM audit_logs WHERE seq = 1",), 1, "deleted"),
    "deleted two": (("DELETE FROM audit_logs WHERE seq IN (4, 9)",), 4, "deleted"),
    "closed the gap": (
        ("DELETE FROM audit_logs WHERE seq = 6", "UPDATE audit_logs SET seq = seq + 1000 WHERE seq > 6",
         "UPDATE audit_logs SET seq = seq - 1001 WHERE seq > 6", HEAD),
        6, "deleted",
    ),
    "reordered": (
        ("UPDATE audit_logs SET seq = 1000 WHERE seq = 6", "UPDATE audit_logs SET seq = 6 WHERE seq = 7",
         "UPDATE audit_logs SET seq = 7 WHERE seq = 1000"),
        6, "reordered",
    ),
    "reordered far": (
        ("UPDATE audit_logs SET seq = 1000 WHERE seq = 3", "UPDATE audit_logs SET seq = 3 WHERE seq = 11",
         "UPDATE audit_logs SET seq = 11 WHERE seq = 1000"),
        3, "reordered",
    ),
    "inserted": (
        ("UPDATE audit_logs SET seq = seq + 1000 WHERE seq > 5", "UPDATE audit_logs SET seq = seq - 999 WHERE seq > 5",
         "INSERT INTO audit_logs SELECT (jsonb_populate_record(item, jsonb_build_object("
         "'id', gen_random_uuid(), 'seq', 6, 'prev_hash', item.hash, 'hash', sha256('x')))).* "
         "FROM audit_logs AS item WHERE seq = 5", HEAD),
        6, "inserted",
    ),
    "inserted with its hash": (
        ("UPDATE audit_logs SET seq = seq + 1000 WHERE seq > 5", "UPDATE audit_logs SET seq = seq - 999 WHERE seq > 5",
         "INSERT INTO audit_logs SELECT (jsonb_populate_record(item, jsonb_build_object("
         "'id', gen_random_uuid(), 'seq', 6, 'prev_hash', item.hash, 'hash', sha256('x')))).* "
         "FROM audit_logs AS item WHERE seq = 5",
         "UPDATE audit_logs AS item SET hash = sha256(convert_to(audit_canonical(item), 'UTF8')) WHERE seq = 6", HEAD),
        6, "inserted",
    ),
    "tail": (("DELETE FROM audit_logs WHERE seq = (SELECT max(seq) FROM audit_logs)",), LAST, "truncated"),
    "everything": (("DELETE FROM audit_logs",), 1, "truncated"),
    "head back": (("UPDATE audit_chain SET seq = seq - 1",), LAST, "head_altered"),
    "head on": (("UPDATE audit_chain SET seq = seq + 1",), NEXT, "truncated"),
    "head's hash": (("UPDATE audit_chain SET hash = sha256('x')",), LAST, "head_altered"),
    "tail and head": (("DELETE FROM audit_logs WHERE seq > 10", HEAD), 11, "truncated"),
    "everything and head": (
        ("DELETE FROM audit_logs", "UPDATE audit_chain SET seq = 0, hash = decode(repeat('00', 32), 'hex')"),
        1, "truncated",
    ),
    "checkpoint": (("UPDATE audit_checkpoints SET taken_at = taken_at + interval '1 day'",), LAST, "checkpoint_forged"),
    "checkpoint of nobody": (
        ("INSERT INTO audit_checkpoints SELECT 4, hash, now(), 'nobody', '' FROM audit_chain",), 4, "checkpoint_forged",
    ),
    "checkpoint too long": (
        ("INSERT INTO audit_checkpoints SELECT 9999, head_hash, taken_at, key_id, signature FROM audit_checkpoints",),
        9999, "checkpoint_forged",
    ),
    "tombstone": (
        ("INSERT INTO audit_tombstones SELECT 5, hash, now(), 'nobody', decode(repeat('00', 64), 'hex') "
         "FROM audit_logs WHERE seq = 5", "DELETE FROM audit_logs WHERE seq <= 5"),
        5, "tombstone_forged",
    ),
    "tombstone of our key": (
        ("INSERT INTO audit_tombstones SELECT 5, item.hash, now(), key_id, signature "
         "FROM audit_logs AS item, audit_checkpoints WHERE seq = 5", "DELETE FROM audit_logs WHERE seq <= 5"),
        5, "tombstone_forged",
    ),
}  # fmt: skip


async def verify(tenant: TestTenant) -> dict[str, Any]:
    """What the service says of the log."""
    answer = await tenant.owner.post(f"{PATH}/verify")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def checkpoint(tenant: TestTenant) -> dict[str, Any]:
    """A checkpoint of now."""
    answer = await tenant.owner.get(f"{PATH}/checkpoint")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("name", TAMPERING)
async def test_tampering_is_found_and_located(
    name: str, logged: TestTenant, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements, seq, kind = TAMPERING[name]
    size = (await checkpoint(logged))["size"]
    assert await verify(logged) == {"ok": True, "checked": size, "first_break": None}

    for statement in statements:
        assert await superuser.execute(statement) not in {"UPDATE 0", "DELETE 0", "INSERT 0 0"}, statement

    expected = {LAST: size, NEXT: size + 1}.get(seq, seq)
    for stretch in (checking.STRETCH, 3, 2, 1):  # wherever the borders are
        monkeypatch.setattr(checking, "STRETCH", stretch)
        found = await verify(logged)
        assert found["first_break"] == {"seq": expected, "kind": kind}, stretch
        assert not found["ok"]
        assert found["checked"] <= size


@pytest.mark.parametrize("stretch", [1, 3, 10_000])
async def test_stretches_fit_together(
    stretch: int, logged: TestTenant, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A break at the border of two stretches is found like any other, and none is found where there is none."""
    monkeypatch.setattr(checking, "STRETCH", stretch)
    assert (await verify(logged))["ok"]

    await superuser.execute("DELETE FROM audit_logs WHERE seq = 7")

    assert await verify(logged) == {"ok": False, "checked": 6, "first_break": {"seq": 7, "kind": "deleted"}}


async def test_a_log_written_anew_is_found_by_its_checkpoint(logged: TestTenant, superuser: asyncpg.Connection) -> None:
    """The forger recomputes every hash from the change on, and the head: the chain is whole, but not the one signed."""
    size = (await checkpoint(logged))["size"]
    rows = await superuser.fetch("SELECT * FROM audit_logs WHERE seq >= 6 ORDER BY seq")
    previous = rows[0]["prev_hash"]
    for row in rows:
        entry = {**row, "prev_hash": previous} | ({"action": "innocent"} if row["seq"] == 6 else {})
        previous = hash_of(entry)
        await superuser.execute(
            "UPDATE audit_logs SET action = $2, prev_hash = $3, hash = $4 WHERE seq = $1",
            row["seq"], entry["action"], entry["prev_hash"], previous,
        )  # fmt: skip
    await superuser.execute(HEAD)

    assert await verify(logged) == {"ok": False, "checked": size, "first_break": {"seq": size, "kind": "rewritten"}}


@pytest.mark.parametrize("stretch", [10_000, 6, 1])
async def test_an_entry_with_a_new_hash_is_known_by_the_next_one(
    stretch: int, logged: TestTenant, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the next one is the first of another stretch."""
    monkeypatch.setattr(checking, "STRETCH", stretch)
    row = await superuser.fetchrow("SELECT * FROM audit_logs WHERE seq = 6")
    forged = hash_of({**row, "action": "innocent"})
    await superuser.execute("UPDATE audit_logs SET action = 'innocent', hash = $1 WHERE seq = 6", forged)

    assert (await verify(logged))["first_break"] == {"seq": 6, "kind": "rewritten"}


async def test_a_tail_cut_off_and_grown_again_is_found(
    app: FastAPI, logged: TestTenant, superuser: asyncpg.Connection
) -> None:
    """By the checkpoint of its old length; and what does not fit it is not signed again."""
    size = (await checkpoint(logged))["size"]
    await superuser.execute("DELETE FROM audit_logs WHERE seq > 10")
    await superuser.execute(HEAD)
    refused = await logged.owner.get(f"{PATH}/checkpoint")
    async with await unit_of(app, logged) as unit:
        for _ in range(size):
            unit.audit("innocent")

    assert (refused.status_code, refused.json()["code"]) == (409, "audit_chain_broken")
    assert (await verify(logged))["first_break"] == {"seq": size, "kind": "rewritten"}


async def test_a_log_whose_head_does_not_fit_is_not_signed(logged: TestTenant, superuser: asyncpg.Connection) -> None:
    await superuser.execute("UPDATE audit_chain SET hash = sha256('x'), seq = seq + 1")

    assert (await logged.owner.get(f"{PATH}/checkpoint")).status_code == 409
    assert not (await verify(logged))["ok"]


async def test_an_entry_put_back_before_the_tombstone_is_found(
    logged: TestTenant, superuser: asyncpg.Connection, app: FastAPI
) -> None:
    """What was removed for good cannot come back."""
    row = await superuser.fetchrow("SELECT hash FROM audit_logs WHERE seq = 3")
    made = seal_tombstone(services_of(app).audit_seals, logged.name, 3, row["hash"], now())
    await superuser.execute(
        "INSERT INTO audit_tombstones VALUES (3, $1, $2, $3, $4)",
        row["hash"], made.time, made.key_id, bytes.fromhex(made.signature),
    )  # fmt: skip
    assert (await verify(logged))["first_break"] == {"seq": 1, "kind": "inserted"}

    await superuser.execute("DELETE FROM audit_logs WHERE seq <= 3")

    assert (await verify(logged))["ok"]


@pytest.mark.promise("T1")
async def test_another_tenants_signatures_are_forged_here(
    logged: TestTenant, superuser: asyncpg.Connection, alpha: TestTenant
) -> None:
    theirs = await checkpoint(alpha)
    await superuser.execute(f"INSERT INTO audit_checkpoints SELECT * FROM {alpha.name}.audit_checkpoints")

    assert theirs["tenant"] == alpha.name
    assert (await verify(logged))["first_break"]["kind"] == "checkpoint_forged"
    assert (await verify(alpha))["ok"]


async def test_a_checkpoint_is_kept_once_for_each_length(logged: TestTenant, config: Config, app: FastAPI) -> None:
    """Asked by many at once, and again when the log has grown."""
    first = await asyncio.gather(*(checkpoint(logged) for _ in range(8)))
    async with await unit_of(app, logged) as unit:
        unit.audit("things.grown")
    later = await checkpoint(logged)

    assert len({json.dumps({**one, "time": 0, "signature": 0}) for one in first}) == 1
    assert (later["size"], later["public_key"]) == (first[0]["size"] + 1, first[0]["public_key"])
    assert set(later) == {"tenant", "size", "head_hash", "time", "key_id", "public_key", "signature"}
    async with owner_connection(config, logged.name) as owner:
        stored = await owner.fetch("SELECT size, head_hash FROM audit_checkpoints ORDER BY size DESC LIMIT 2")
    assert [(row["size"], row["head_hash"].hex()) for row in stored] == [
        (later["size"], later["head_hash"]),
        (first[0]["size"], first[0]["head_hash"]),
    ]


async def test_two_hundred_writers_at_once_leave_a_whole_chain(app: FastAPI, logged: TestTenant) -> None:
    """Verified again and again while they write."""
    before = await checkpoint(logged)

    async def write(number: int) -> None:
        async with await unit_of(app, logged) as unit:
            unit.audit(f"parallel.{number}")

    written = asyncio.gather(*(write(number) for number in range(200)))
    during = [await verify(logged) for _ in range(5)]
    await written

    assert [found["ok"] for found in during] == [True] * 5
    assert await verify(logged) == {"ok": True, "checked": before["size"] + 200, "first_break": None}
