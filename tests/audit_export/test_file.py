"""What is in an exported file, and that it proves itself."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import asyncpg
import httpx
import pytest

from common.audit import Actor, Origin, Target
from common.spreadsheets import FORMULA_STARTS, defuse
from settings.audit.verify_export import Broken, Unreadable, verify_file
from tests.audit_export.conftest import LONG, PATH, World
from tests.support.apps import registered, services_of
from tests.support.contracts.lists import walk
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.servers import PLATFORM_KEY
from tests.support.world import TestTenant

pytestmark = pytest.mark.promise("D5")

LIST: Final = "/settings/audit-logs"
COLUMNS: Final = (
    "seq,id,occurred_at,action,actor_type,actor_id,actor_name,target_type,target_id,target_name,changes,outcome,"
    "ip_address,user_agent,request_id,session_id,prev_hash,hash"
)


async def export(tenant: TestTenant, query: str = "", **headers: str) -> httpx.Response:
    answer = await tenant.owner.get(f"{PATH}?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


async def key_of(tenant: TestTenant) -> str:
    return str((await tenant.owner.get(f"{LIST}/checkpoint")).json()["public_key"])


def entries_of(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()[:-1]]


@pytest.mark.promise("D3")
async def test_a_whole_log_proves_itself_offline(world: World, tmp_path: Path) -> None:
    for tenant, form, least in (
        (world.one, "ndjson", LONG),
        (world.other, "json", 1000),
        (world.other, "ndjson", 1000),
    ):
        answer = await export(tenant, f"format={form}")
        path = tmp_path / "export"
        path.write_bytes(answer.content)
        proof = verify_file(path, await key_of(tenant))

        assert (proof.tenant, proof.first_seq, proof.is_filtered) == (tenant.name, 1, False)
        assert proof.entries == proof.last_seq > least
        read = json.loads(answer.text)["entries"] if form == "json" else entries_of(answer)
        assert [entry["seq"] for entry in read] == list(range(1, proof.entries + 1))
        assert (tenant.canary in answer.text, answer.text.count("canary-of") > least) == (True, True)
        others = {"tenant_one", "tenant_other"} - {tenant.name}
        assert not any(f"canary-of-{other}" in answer.text for other in others)


async def test_an_entry_is_what_the_list_shows(world: World) -> None:
    listed = (await world.other.owner.get(f"{LIST}?limit=200&sort=seq")).json()["items"]

    assert entries_of(await export(world.other))[:200] == listed


@pytest.mark.promise("D3")
@pytest.mark.parametrize("form", ["ndjson", "json"])
async def test_a_file_that_was_cut_or_changed_is_not_proven(world: World, tmp_path: Path, form: str) -> None:
    for query in ("", "&action=auth.*"):
        lines = (await export(world.other, f"format={form}{query}")).content.splitlines(keepends=True)
        last = -3 if form == "json" else -2  # the last entry's line
        changed = [line.replace(b'"success"', b'"failure"') for line in lines]
        for wrong in (lines[:-1], lines[:last] + lines[last + 1 :], lines[:1] + lines[2:], changed, [*lines, lines[1]]):
            path = tmp_path / "export"
            path.write_bytes(b"".join(wrong))
            with pytest.raises((Broken, Unreadable)):
                verify_file(path)
        path.write_bytes(b"".join(lines))
        assert verify_file(path).tenant == world.other.name


@pytest.mark.promise("D3")
async def test_a_log_that_was_cut_off_is_exported_but_not_proven(world: World, tmp_path: Path) -> None:
    """Though whoever cut it set back the head too: the service knows a longer one, and signs no shorter."""
    tenant, key = world.other, await key_of(world.other)
    async with owner_connection(world.config, tenant.name) as owner, _kept(owner):
        await owner.execute("DELETE FROM audit_logs WHERE seq > 900")
        await owner.execute("UPDATE audit_chain SET (seq, hash) = (SELECT seq, hash FROM audit_logs WHERE seq = 900)")
        (tmp_path / "export").write_bytes((await export(tenant)).content)

    with pytest.raises(Broken, match="checkpoint knows") as broken:
        verify_file(tmp_path / "export", key)
    assert (broken.value.kind, broken.value.seq) == ("truncated", 901)
    (tmp_path / "export").write_bytes((await export(tenant)).content)
    assert verify_file(tmp_path / "export", key).entries > 900


@asynccontextmanager
async def _kept(owner: asyncpg.Connection) -> AsyncIterator[None]:
    """The log without its triggers, and as it was afterwards."""
    await owner.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
    for table in ("audit_logs", "audit_chain"):
        await owner.execute(f"CREATE TEMPORARY TABLE kept_{table} AS TABLE {table}")
    try:
        yield
    finally:
        for table in ("audit_logs", "audit_chain"):
            await owner.execute(f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}")
        for name in ("change", "truncate"):
            await owner.execute(f"ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_refuse_{name}")


async def test_every_filter_of_the_list_holds_for_the_export(world: World, tmp_path: Path) -> None:
    first, last = entries_of(await export(world.other))[10:900:889]
    login = (await world.other.owner.get(f"{LIST}?action=auth.login.succeeded")).json()["items"][0]
    queries = (
        "action=auth.*",
        "action=things.changed&q=7",
        f"actor_id={login['actor']['id']}",
        "actor_type=platform",
        "target_type=thing&target_id=77",
        f"request_id={login['request_id']}",
        "outcome=success&target_id=99",
        f"from={first['occurred_at']}&to={last['occurred_at']}",
    )
    for query in queries:
        listed = await walk(world.other.owner, LIST, sort="seq", limit=200, **dict(parse_qsl(query)))
        answer = await export(world.other, f"{query}&format=ndjson")
        (tmp_path / "export").write_bytes(answer.content)

        exported = entries_of(answer)
        assert exported[: len(listed)] == listed, query  # what the exports themselves wrote comes behind
        assert 0 < len(exported) < 1000, query
        assert verify_file(tmp_path / "export", await key_of(world.other)).is_filtered
    empty = await export(world.other, "action=nothing&format=json")
    assert json.loads(empty.text)["entries"] == []
    assert json.loads(empty.text)["end"]["filters"] == {"action": "nothing"}


async def test_a_table_is_the_same_and_no_cell_is_a_formula(world: World) -> None:
    found = await registered(world.app, world.other.name)
    nasty = [f"{start}{rest}" for start in FORMULA_STARTS for rest in ("1+1", "")] + ["'=1", "''@x", "'", 'a"b,c\nd']
    origin = Origin("+1", "203.0.113.7", "@agent")
    async with services_of(world.app).database.write(found, actor=Actor("user", name="=cmd"), origin=origin) as unit:
        for text in nasty:
            unit.audit("settings.odd.tried", target=Target("-kind", text or "x", text))
    rows = list(csv.reader(io.StringIO((await export(world.other, "format=csv&action=settings.odd.*")).text)))
    entries = entries_of(await export(world.other, "action=settings.odd.*"))

    assert rows[0] == COLUMNS.split(",")
    assert len(entries) == len(nasty) == len(rows) - 1
    for cells, entry in zip(rows[1:], entries, strict=True):
        row = dict(zip(rows[0], cells, strict=True))
        assert row["target_name"] == defuse(entry["target"]["name"])
        assert row["target_id"] == defuse(entry["target"]["id"])
        assert (row["actor_name"], row["user_agent"], row["request_id"]) == ("'=cmd", "'@agent", "'+1")
        assert (row["hash"], row["seq"], json.loads(row["changes"])) == (entry["hash"], str(entry["seq"]), [])
        assert not any(cell.startswith(FORMULA_STARTS) for cell in cells)


async def test_it_is_compressed_for_who_asks(world: World) -> None:
    until = entries_of(await export(world.other))[-1]["occurred_at"]
    for form in ("ndjson", "json", "csv"):
        query = f"format={form}&to={until}&target_type=thing"
        plain = await export(world.other, query, **{"Accept-Encoding": "identity"})
        refused = await export(world.other, query, **{"Accept-Encoding": "gzip;q=0, br"})
        on_the_way = await export(world.other, query, **{"Accept-Encoding": "br, gzip;q=0.5"})
        file = await export(world.other, f"{query}&gzip=true", **{"Accept-Encoding": "gzip"})

        lines = plain.content.splitlines()
        assert [answer.content.splitlines()[:1000] for answer in (refused, on_the_way)] == [lines[:1000]] * 2
        assert gzip.decompress(file.content).splitlines()[:1000] == lines[:1000]
        codings = [answer.headers.get("content-encoding") for answer in (plain, refused, on_the_way, file)]
        assert codings == [None, None, "gzip", None]
        assert file.headers["content-type"] == "application/gzip"
        assert all("Accept-Encoding" in answer.headers["vary"] for answer in (plain, on_the_way, file))
        day = until[:10]
        assert plain.headers["content-disposition"] == f'attachment; filename="audit-log-other-{day}.{form}"'
        assert file.headers["content-disposition"].endswith(f'-{day}.{form}.gz"')


async def test_an_export_is_in_the_next_one_and_not_in_itself(world: World) -> None:
    await export(world.other, "format=csv&q=canary&outcome=success")
    *_, first = entries_of(await export(world.other))
    *_, second = entries_of(await export(world.other, "action=settings.audit.*"))

    assert {change["path"]: change["new"] for change in first["changes"]} == {
        "format": "csv",
        "filters": {"q": "canary", "outcome": "success"},
    }
    assert (first["action"], second["changes"][0]["new"]) == ("settings.audit.exported", "ndjson")
    assert first["actor"]["name"] == "owner"


async def test_what_cannot_be_exported_is_a_problem(world: World) -> None:
    for query in ("format=xml", "nonsense=1", "actor_id=x", "from=yesterday", "q=%00", "limit=5"):
        answer = await world.other.owner.get(f"{PATH}?{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), query


async def test_a_suspended_tenant_exports_nothing(world: World) -> None:
    platform = {"X-Platform-Key": PLATFORM_KEY, "X-Tenant-ID": None, "Authorization": None}
    path = f"/platform/tenants/{world.other.name.removeprefix('tenant_')}"
    suspended = await world.other.owner.patch(path, headers=platform, json={"status": "suspended"})
    assert suspended.status_code == 200, suspended.text
    try:
        async with asyncio.timeout(1):  # a suspension acts within a second
            answer = await world.other.owner.get(PATH)
            while answer.status_code == 200:
                answer = await world.other.owner.get(PATH)
    finally:
        await world.other.owner.patch(path, headers=platform, json={"status": "active"})

    problem_of(answer, 403, "tenant_suspended")
