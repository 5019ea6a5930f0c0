"""Reading the audit log: pages, filters, one entry."""

from __future__ import annotations

import re
from typing import Any, Final

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.dialects import postgresql

from common.config import Config
from common.enums import ActorType, AuditOutcome
from common.ids import new_id
from common.paging import ListQuery, fetch_slice
from settings.audit.filters import AuditFilters
from settings.audit.queries import ORDER, _select_entries
from tests.support.apps import services_of
from tests.support.contracts import ListContract
from tests.support.contracts.lists import walk
from tests.support.probes import owner_connection
from tests.support.world import TestTenant

PATH: Final = "/settings/audit-logs"
ASYNCPG: Final = postgresql.asyncpg.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy has no types for it
FIELDS: Final = {
    "id", "seq", "occurred_at", "action", "actor", "target", "changes", "outcome", "ip_address", "user_agent",
    "request_id", "session_id", "prev_hash", "hash",
}  # fmt: skip


@pytest.fixture(scope="module")
def listed(logged: TestTenant) -> TestTenant:
    """Whose log is listed."""
    return logged


class TestListOfEntries(ListContract):
    """It does what all lists do."""

    path = "/settings/audit-logs"
    sorts = ("seq",)


async def test_an_entry_has_the_shape_of_the_contract(logged: TestTenant) -> None:
    entry = (await logged.owner.get(PATH, params={"action": "things.changed", "limit": 1})).json()["items"][0]
    single = await logged.owner.get(f"{PATH}/{entry['id']}")

    assert set(entry) == FIELDS
    assert entry["actor"] == {"type": "anonymous", "id": None, "name": None}
    assert entry["target"] == {"type": "thing", "id": "t11", "name": "=1+1"}
    assert entry["changes"][0]["new"]["aa"] == 11
    assert len(entry["hash"]) == len(entry["prev_hash"]) == 64
    assert single.json() == entry


async def test_each_filter_finds_what_it_says_and_nothing_else(logged: TestTenant) -> None:
    everything = await walk(logged.owner, PATH, limit=200)
    owner_id, middle = logged.people["owner"].id, everything[len(everything) // 2]["occurred_at"]
    wanted: dict[tuple[str, str], Any] = {
        ("action", "things.changed"): lambda entry: entry["action"] == "things.changed",
        ("action", "things.*"): lambda entry: entry["action"].startswith("things."),
        ("action", "*"): lambda _: True,
        ("action", "things.change"): lambda _: False,
        ("action", "things%"): lambda _: False,
        ("actor_id", owner_id): lambda entry: entry["actor"]["id"] == owner_id,
        ("actor_type", "platform"): lambda entry: entry["actor"]["type"] == "platform",
        ("actor_type", "system"): lambda entry: entry["actor"]["type"] == "system",
        ("target_type", "user"): lambda entry: entry["target"]["type"] == "user",
        ("target_id", "t7"): lambda entry: entry["target"]["id"] == "t7",
        ("outcome", "failure"): lambda entry: entry["outcome"] == "failure",
        ("outcome", "success"): lambda entry: entry["outcome"] == "success",
        ("from", middle): lambda entry: entry["occurred_at"] >= middle,
        ("to", middle): lambda entry: entry["occurred_at"] < middle,
        ("from", "2100-01-01T00:00:00Z"): lambda _: False,
        ("to", "2000-01-01T00:00:00+02:00"): lambda _: False,
        ("request_id", "request-1"): lambda entry: entry["request_id"] == "request-1",
        ("q", "=1+1"): lambda entry: entry["target"]["name"] == "=1+1",
        ("q", "THINGS.refu"): lambda entry: entry["action"] == "things.refused",
    }

    for (name, value), belongs in wanted.items():
        found = await walk(logged.owner, PATH, limit=7, **{name: value})
        assert [entry["seq"] for entry in found] == [entry["seq"] for entry in everything if belongs(entry)], (
            name,
            value,
        )
    both = await walk(logged.owner, PATH, action="things.*", outcome="failure", **{"from": middle})
    assert [entry["action"] for entry in both] == ["things.refused"]


@pytest.mark.promise("S1")
async def test_hostile_filters_are_refused_or_find_nothing(logged: TestTenant) -> None:
    odd = ("", "*", "\U0010ffff*", "\ud7ff*", "'; DROP TABLE audit_logs--*", "%*", "_*", "\\*", "**", "a" * 127 + "*")
    for value in odd:
        assert (await logged.owner.get(PATH, params={"action": value})).status_code == 200, value
    refused = {
        "action": "a" * 129, "actor_id": "x", "actor_type": "god", "target_id": "\0", "outcome": "maybe",
        "from": "yesterday", "to": "2024-01-01T00:00:00", "until": "2024-01-01T00:00:00Z", "request_id": "a" * 129,
    }  # fmt: skip
    for name, value in refused.items():
        assert (await logged.owner.get(PATH, params={name: value})).status_code == 422, name


@pytest.mark.promise("T1")
async def test_an_entry_of_another_tenant_does_not_exist(logged: TestTenant, alpha: TestTenant) -> None:
    entry = (await logged.owner.get(PATH, params={"limit": 1})).json()["items"][0]

    assert (await alpha.owner.get(f"{PATH}/{entry['id']}")).status_code == 404
    assert (await alpha.owner.get(f"{PATH}/{new_id()}")).status_code == 404
    assert (await logged.owner.get(f"{PATH}/{entry['id']}", headers={"X-Tenant-ID": alpha.name})).status_code == 403
    assert logged.canary not in (await alpha.owner.get(PATH, params={"limit": 200})).text


async def test_reading_writes_nothing(logged: TestTenant) -> None:
    before = (await logged.owner.get(PATH, params={"limit": 1})).json()["items"][0]["seq"]
    await logged.owner.post(f"{PATH}/verify")
    await logged.owner.get(f"{PATH}/checkpoint")

    assert (await logged.owner.get(PATH, params={"limit": 1})).json()["items"][0]["seq"] == before


@pytest.fixture(scope="module")
async def long_log(http: httpx.AsyncClient, app: FastAPI, config: Config, logged: TestTenant) -> Any:
    """A tenant with 8,000 entries of which few fit a filter; its statistics are fresh."""
    async with owner_connection(config, logged.name) as owner:
        await owner.execute(
            """SELECT audit_append(jsonb_agg(jsonb_build_object(
                   'id', gen_random_uuid(), 'action', 'bulk.' || n % 50, 'actor_type', 'user',
                   'actor_id', gen_random_uuid(), 'target_type', 'bulk', 'target_id', 'b' || n, 'changes', '[]'::jsonb,
                   'outcome', 'success', 'request_id', 'r' || n)))
               FROM generate_series(1, 8000) AS n"""
        )
        await owner.execute("ANALYZE audit_logs")
        yield owner


async def test_every_filter_and_every_page_uses_an_index(long_log: asyncpg.Connection) -> None:
    """Asked with a generic plan too, which is what a statement gets that was prepared and used often."""
    moment = await long_log.fetchval("SELECT occurred_at FROM audit_logs WHERE seq = 30")
    wanted = {
        "ix_audit_logs_action_seq": [AuditFilters(action="things.refused"), AuditFilters(action="things.*")],
        "ix_audit_logs_actor_id_seq": [AuditFilters(actor_id=new_id())],
        "ix_audit_logs_actor_type_seq": [AuditFilters(actor_type=ActorType.SYSTEM)],
        "ix_audit_logs_target_type_target_id_seq": [AuditFilters(target_type="thing"), AuditFilters(target_id="t3")],
        "ix_audit_logs_failures_seq": [AuditFilters(outcome=AuditOutcome.FAILURE)],
        "ix_audit_logs_request_id": [AuditFilters(request_id="request-1")],
        "ix_audit_logs_occurred_at": [AuditFilters(since=moment), AuditFilters(until=moment)],
        "uq_audit_logs_seq": [AuditFilters(), AuditFilters(since=moment, until=moment)],
    }
    newest_first = ORDER.fields["seq"].desc()
    for mode in ("force_custom_plan", "force_generic_plan"):
        await long_log.execute(f"SET plan_cache_mode TO {mode}")
        for index, cases in wanted.items():
            for filters in cases:
                statement = _select_entries().where(*filters.conditions()).order_by(newest_first).limit(51)
                plan = await explain(long_log, statement)
                assert index in plan, (mode, filters, plan)
                assert "Seq Scan" not in plan, (mode, filters, plan)


async def test_a_page_far_behind_begins_in_the_index(app: FastAPI, long_log: asyncpg.Connection) -> None:
    """It reads its own rows and none of those before it, however many there are."""
    cursors = services_of(app).cursors
    query = ListQuery(
        limit=50, cursor=cursors.write([5000], "x"), sort="seq", include_total=False, q=None, created_after=None,
        created_before=None, binding="x", cursors=cursors,
    )  # fmt: skip
    asked = Asked()
    with pytest.raises(Asked):
        await fetch_slice(asked, _select_entries(), ORDER, query)
    plan = await explain(long_log, asked.statement, "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF)")

    assert re.search(r"Index Cond: \(\(?seq >=? ", plan), plan
    assert "Rows Removed by Filter: 1\n" in plan + "\n" or "Rows Removed" not in plan, plan
    assert "actual rows=51" in plan, plan


class Asked(Exception):
    """A unit that notes a statement instead of running it."""

    statement: Any = None

    async def execute(self, statement: Any, _parameters: Any = None) -> Any:
        """Stop here."""
        self.statement = statement
        raise self


async def explain(connection: asyncpg.Connection, statement: Any, how: str = "EXPLAIN") -> str:
    """A statement's plan, with its values as parameters."""
    compiled = statement.compile(dialect=ASYNCPG, compile_kwargs={"render_postcompile": True})
    values = [compiled.params[name] for name in compiled.positiontup or ()]
    return "\n".join(row[0] for row in await connection.fetch(f"{how} {compiled}", *values))
