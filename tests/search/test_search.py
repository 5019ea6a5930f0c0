"""Full-text search: words, beginnings, stems, rank, and only what the caller may read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.support.contracts import ListContract, Row
from tests.support.contracts.resource import moment
from tests.support.fixed_query import with_query
from tests.support.probes import owner_connection
from tests.support.staff import Staff
from tests.support.things import word
from tests.support.world import Api, TestTenant, create_tenant
from tools.search.words import as_prefix, split_words

SEARCH = "/tools/search"


class TestSearch(ListContract):
    """Many notes and tasks with the same word."""

    path = "/tools/search"
    sorts = ("rank", "created_at")

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant with sixty records, four of each creation time."""
        tenant = await create_tenant(http)
        rows = [Row(f"note{number}", f"entry {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as connection:
            await TestSearch.insert(connection, rows)
        return with_query(tenant, SEARCH, {"q": "ent"})

    @pytest.fixture
    def beta(self, beta: TestTenant) -> TestTenant:
        """Another tenant, asked for the same word."""
        return with_query(beta, SEARCH, {"q": "ent"})

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Notes and tasks in turns: of one kind alone, fewer are ranked."""
        values = [(new_id(), row.word, row.text, row.created_at) for row in rows]
        for table, text, turn in (("notes", "content", 0), ("tasks", "description", 1)):
            await connection.executemany(
                f"INSERT INTO {table} (id, title, {text}, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)",
                values[turn::2],
            )


async def found(api: Api, q: str, **query: Any) -> list[str]:
    """The titles of the first page's hits."""
    answer = await api.get(SEARCH, params={"q": q, **query})
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def make(api: Api, title: str, content: str = "", **fields: Any) -> dict[str, Any]:
    """A new note."""
    answer = await api.post("/tools/notes", json={"title": title, "content": content, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_all_words_count_and_the_last_may_be_the_beginning_of_one(tenant: TestTenant) -> None:
    await make(tenant.owner, "Airport transfer", "Meet Maria at gate B7, e-mail maria@acme.example")
    await make(tenant.owner, "Transfer of money", "Invoice 2026-117")

    assert await found(tenant.owner, "transf") == ["Transfer of money", "Airport transfer"]
    assert await found(tenant.owner, "TRANSFER mar") == ["Airport transfer"]
    assert await found(tenant.owner, "maria@acme.example") == ["Airport transfer"]
    assert await found(tenant.owner, "2026-117") == ["Transfer of money"]
    assert await found(tenant.owner, "mar transfer") == await found(tenant.owner, "nsfer") == []


async def test_a_title_counts_more_than_a_text_and_the_best_come_first(tenant: TestTenant) -> None:
    await make(tenant.owner, "Visa for Japan", "papers")
    await make(tenant.owner, "Papers", "the visa is on its way")

    assert await found(tenant.owner, "visa") == ["Visa for Japan", "Papers"]
    assert await found(tenant.owner, "visa", sort="created_at") == ["Visa for Japan", "Papers"]
    assert await found(tenant.owner, "visa", sort="-created_at") == ["Papers", "Visa for Japan"]


async def test_other_forms_of_a_word_are_found_in_the_tenant_s_language(tenant: TestTenant) -> None:
    await make(tenant.owner, "Guests", "They were travelling by ferries")
    await tenant.owner.put("/settings/tenant.default_locale", json={"value": "el"})
    await make(tenant.owner, "Κρατήσεις", "Οι πελάτες ταξιδεύουν")

    assert await found(tenant.owner, "κράτηση") == ["Κρατήσεις"]
    assert await found(tenant.owner, "πελάτης ταξιδεύουμε") == ["Κρατήσεις"]
    assert await found(tenant.owner, "travelling") == ["Guests"]
    await tenant.owner.put("/settings/tenant.default_locale", json={"value": "en"})
    assert await found(tenant.owner, "travelled ferry") == ["Guests"]


async def test_what_changed_is_found_by_its_new_words_only(tenant: TestTenant) -> None:
    note = await make(tenant.owner, "Ferry to Naxos")
    address = f"/tools/notes/{note['id']}"

    await tenant.owner.patch(address, json={"title": "Ferry to Paros"})
    assert (await found(tenant.owner, "naxos"), await found(tenant.owner, "paros")) == ([], ["Ferry to Paros"])
    await tenant.owner.delete(address)
    assert await found(tenant.owner, "paros") == []
    await tenant.owner.post(f"{address}/restore")
    assert await found(tenant.owner, "paros") == ["Ferry to Paros"]


@pytest.mark.promise("T1")
async def test_it_finds_only_what_one_may_read(
    alpha: TestTenant, beta: TestTenant, all_staff: dict[str, Staff]
) -> None:
    staff, name = all_staff[alpha.name], word()
    await make(staff.author.api, f"{name} open")
    await make(staff.author.api, f"{name} private", is_private=True)
    await make(beta.owner, f"{name} {beta.canary}")

    assert set(await found(staff.author.api, name)) == {f"{name} open", f"{name} private"}
    assert await found(staff.manager.api, name) == await found(alpha.owner, name) == [f"{name} open"]
    assert await found(staff.colleague.api, name) == []
    assert await found(beta.owner, name) == [f"{name} {beta.canary}"]
    refused = await staff.nobody.api.get(SEARCH, params={"q": name})
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


async def test_it_can_be_narrowed_to_kinds_and_objects(alpha: TestTenant) -> None:
    name, booking = word(), word()
    await make(alpha.owner, f"{name} linked", links=[{"type": "booking", "id": booking}])
    await make(alpha.owner, f"{name} free")

    assert len(await found(alpha.owner, name, kind="note")) == 2
    assert await found(alpha.owner, name, related_type="booking", related_id=booking) == [f"{name} linked"]


async def test_an_excerpt_shows_where_the_words_are(alpha: TestTenant) -> None:
    name = word()
    await make(alpha.owner, "long", f"{'before ' * 200}<b>{name}</b>{' after' * 200}")

    (hit,) = (await alpha.owner.get(SEARCH, params={"q": name})).json()["items"]

    assert name in hit["excerpt"]
    assert len(hit["excerpt"]) < 400


@pytest.mark.promise("S1")
@pytest.mark.parametrize(
    "q", ["'", "\\", "a'b", "a\\", "a:*", "!a", "a & | b", "(", "<->", "a <-> b", "'; DROP TABLE notes; --", "é" * 200]
)
async def test_nothing_that_is_typed_is_taken_for_a_query_s_syntax(alpha: TestTenant, q: str) -> None:
    answer = await alpha.owner.get(SEARCH, params={"q": q})

    wanted = 200 if split_words(q) else 422
    assert answer.status_code == wanted, answer.text
    if wanted == 422:
        assert (answer.json()["code"], answer.json()["errors"][0]["pointer"]) == ("search_invalid", "/query/q")


def test_words_are_split_and_quoted() -> None:
    assert split_words("  a  b a & ... c-d ") == ["a", "b", "c-d"]
    assert len(split_words(" ".join(f"w{number}" for number in range(50)))) == 8
    assert as_prefix("a'b\\") == "'a''b\\\\':*"


async def test_a_search_has_words(alpha: TestTenant) -> None:
    for query in ({}, {"q": ""}, {"q": "  "}, {"q": "&"}):
        answer = await alpha.owner.get(SEARCH, params=query)
        assert (answer.status_code, answer.json()["code"]) == (422, "search_invalid"), query
