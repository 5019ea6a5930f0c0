"""Lists: pages, order, cursors, search, the count."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from tests.support.contracts.resource import WORDS, Row, moment
from tests.support.probes import owner_connection, watched
from tests.support.world import API, Api, TestTenant

# What finds out who is asking, and what his tenant has set: it is cached for a moment, so it may or may not be among a
# request's statements.
GUARDS: Final = re.compile(r"FROM system\.tenants|JOIN user_sessions|settings\.secret_value")


async def walk(api: Api, path: str, **query: Any) -> list[dict[str, Any]]:
    """Every item of a list, page by page along the Link header."""
    items: list[dict[str, Any]] = []
    answer = await api.get(path, params=query)
    while True:
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        assert ("next" in answer.links) == (page["next_cursor"] is not None)
        if page["next_cursor"] is None:
            return items
        address = answer.links["next"]["url"]
        assert httpx.URL(address).params["cursor"] == page["next_cursor"]
        answer = await api.get(address.removeprefix(API))


class ListContract:
    """Any list, with whatever it holds: more than five items."""

    path: ClassVar[str]
    sorts: ClassVar[Sequence[str]]
    identity: ClassVar[str] = "id"

    @pytest.mark.parametrize("limit", [1, 200])
    async def test_a_page_has_at_most_limit_items(self, listed: TestTenant, limit: int) -> None:
        answer = await listed.owner.get(self.path, params={"limit": limit})

        assert answer.status_code == 200
        assert 1 <= len(answer.json()["items"]) <= limit

    async def test_a_limit_is_from_1_to_200(self, listed: TestTenant) -> None:
        for limit in ("0", "201", "-1", "many", "", "9" * 400):
            answer = await listed.owner.get(self.path, params={"limit": limit})

            assert answer.status_code == 422, limit
            assert answer.json()["errors"][0]["pointer"] == "/query/limit", limit

    @pytest.mark.parametrize("reverse", ["", "-"])
    async def test_every_item_is_met_once_and_in_order(self, listed: TestTenant, reverse: str) -> None:
        everything = await walk(listed.owner, self.path, limit=200)

        for sort in self.sorts:
            items = await walk(listed.owner, self.path, sort=reverse + sort, limit=9)
            values = [self.sort_value(item, sort) for item in items]
            assert values == sorted(values, reverse=bool(reverse)), sort
            assert sorted(item[self.identity] for item in items) == sorted(item[self.identity] for item in everything)

    def sort_value(self, item: dict[str, Any], sort: str) -> Any:
        """What the database compares, and the id that breaks ties."""
        value = item[sort]
        return (value.lower() if isinstance(value, str) else value, item[self.identity])

    async def test_only_the_listed_fields_can_be_sorted_by(self, listed: TestTenant) -> None:
        for sort in ("nonsense", "-", ",", "password_hash", "id;drop", "\0"):
            answer = await listed.owner.get(self.path, params={"sort": sort})

            assert (answer.status_code, answer.json()["code"]) == (422, "sort_invalid"), sort
            assert answer.json()["errors"][0]["pointer"] == "/query/sort", sort

    async def test_the_count_is_made_only_on_demand(self, listed: TestTenant) -> None:
        items = await walk(listed.owner, self.path, limit=200)

        without = await listed.owner.get(self.path, params={"limit": 1})
        counted = await listed.owner.get(self.path, params={"limit": 1, "include_total": "true"})

        assert (without.json()["total"], counted.json()["total"]) == (None, len(items))

    @pytest.mark.promise("T1")
    async def test_a_cursor_is_good_for_its_list_only(self, listed: TestTenant, beta: TestTenant) -> None:
        query = {"limit": "1", "q": "e"}
        cursor = (await listed.owner.get(self.path, params=query)).json()["next_cursor"]
        assert (await listed.owner.get(self.path, params={**query, "cursor": cursor})).status_code == 200

        other = {
            "tenant": (beta.owner, self.path, query),
            "route": (listed.owner, "/users" if self.path != "/users" else "/users/roles", query),
            "filter": (listed.owner, self.path, {**query, "q": "a"}),
            "without filter": (listed.owner, self.path, {"limit": "1"}),
            "order": (listed.owner, self.path, {**query, "sort": f"-{self.sorts[0]}"}),
        }
        for difference, (api, path, changed) in other.items():
            answer = await api.get(path, params={**changed, "cursor": cursor})
            assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid"), difference

    async def test_a_cursor_with_any_character_changed_is_refused(self, listed: TestTenant) -> None:
        cursor = (await listed.owner.get(self.path, params={"limit": 1})).json()["next_cursor"]
        changed = [f"{cursor[:n]}{'A' if cursor[n] != 'A' else 'B'}{cursor[n + 1 :]}" for n in range(0, len(cursor), 7)]

        for text in (*changed, cursor[:-1], cursor + "A", cursor + "=", "", "\0", "é", "e30"):
            answer = await listed.owner.get(self.path, params={"limit": 1, "cursor": text})
            assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid"), text

    @pytest.mark.promise("S1")
    async def test_no_value_of_a_parameter_is_a_server_error(self, listed: TestTenant) -> None:
        names = ("q", "cursor", "sort", "limit", "created_after", "include_total", "x")
        values = ("%00", "%ff", "%ed%a0%80", "\xff", "%", "a" * 7000, "-1e400", "NaN")
        for name, value in itertools.product(names, values):
            answer = await listed.owner.get(f"{self.path}?{name}={value}")
            assert 200 <= answer.status_code < 500, (name, value)


class GrowingListContract(ListContract):
    """A list whose rows the test inserts itself: four of each creation time."""

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Write rows straight into the resource's table."""
        raise NotImplementedError

    async def test_what_is_inserted_meanwhile_disturbs_nothing(self, listed: TestTenant, config: Config) -> None:
        """Rows before the cursor are not met again, rows behind it are met once."""
        before = await walk(listed.owner, self.path, sort="created_at", limit=200)
        first = await listed.owner.get(self.path, params={"sort": "created_at", "limit": 5})
        early = Row(next(WORDS), "early", moment(0) - timedelta(days=1))
        late = Row(next(WORDS), "late", moment(0) + timedelta(days=9000))
        async with owner_connection(config, listed.name) as connection:
            await self.insert(connection, [early, late])

        rest = await walk(listed.owner, self.path, sort="created_at", limit=5, cursor=first.json()["next_cursor"])

        met = [item["id"] for item in first.json()["items"] + rest]
        assert met[:-1] == [item["id"] for item in before]
        assert late.word in str(rest[-1])

    async def test_searching_takes_every_character_literally(self, listed: TestTenant, config: Config) -> None:
        decoy = Row(next(WORDS), "needle x here, axb 100x", moment(1))
        rows = {q: Row(next(WORDS), f"needle {q} here", moment(1)) for q in ("100%", "%", "a_b", "_", "\\", "/", "'")}
        async with owner_connection(config, listed.name) as connection, connection.transaction():
            await self.insert(connection, [decoy, *rows.values()])

        for q, row in rows.items():
            answer = await listed.owner.get(self.path, params={"q": f"NEEDLE {q} "})

            assert [row.word in str(item) for item in answer.json()["items"]] == [True], q

    async def test_created_after_and_before_exclude_the_moment_itself(self, listed: TestTenant) -> None:
        items = await walk(listed.owner, self.path, limit=200)
        middle = sorted(item["created_at"] for item in items)[len(items) // 2]

        for name, belongs in (("created_after", str.__gt__), ("created_before", str.__lt__)):
            found = await walk(listed.owner, self.path, limit=200, **{name: middle})
            expected = {item["id"] for item in items if belongs(item["created_at"], middle)}
            assert {item["id"] for item in found} == expected, name
            assert expected

    async def test_a_time_needs_an_offset_and_must_exist_in_utc(self, listed: TestTenant) -> None:
        for value in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-01-01T00:00:00"):
            answer = await listed.owner.get(self.path, params={"created_before": value})

            assert answer.status_code == 422, value

    async def test_a_long_page_costs_as_many_statements_as_a_short_one(self, listed: TestTenant, app: FastAPI) -> None:
        counts = []
        for limit in (1, 50):
            with watched(app) as traffic:
                answer = await listed.owner.get(self.path, params={"limit": limit})
            assert len(answer.json()["items"]) == limit
            counts.append(len([text for text in traffic.statements if not GUARDS.search(text)]))

        assert counts == [1, 1]
