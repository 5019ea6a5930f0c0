"""How PostgreSQL finds what timelines and searches ask for: by indexes, never by reading a table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql

from common.config import Config
from common.ids import TenantName, new_id
from common.paging import CursorCodec, ListQuery
from database import PLANNED_ANEW
from shared_auth import Principal
from tests.support.probes import owner_connection
from tests.support.world import create_tenant
from tools.records.kinds import KINDS
from tools.search.queries import list_hits, write_query
from tools.timeline.queries import list_items

SCHEMA = "tenant_planned"
# Every row has the word "every", one in ten "scarce", one in a thousand "rare"; five are about one booking. What was
# made one after the other lies apart. With fewer than a hundred different words PostgreSQL would guess how many begin
# like the one that is looked for.
FILL = """
    INSERT INTO notes (id, title, content, created_at, updated_at)
    SELECT gen_random_uuid(), 'every', 'w' || n % 150 || CASE WHEN n % 1000 = 0 THEN ' rare' ELSE '' END
               || CASE WHEN n % 10 = 0 THEN ' scarce' ELSE '' END,
           now() - n * 7919 % 6007 * interval '1 minute', now() FROM generate_series(1, 6000) AS n;
    INSERT INTO note_links (record_id, link_type, link_id)
    SELECT id, 'booking', 'BK-' || row_number() OVER () / 5 FROM notes"""


class Written(Exception):
    """The statement, which need not be run."""


class Scribe:
    """A unit that only tells what it is asked, and what goes with BEGIN."""

    opening = "SET LOCAL plan_cache_mode TO auto"

    def plan_anew(self) -> None:
        """As units do."""
        self.opening = PLANNED_ANEW

    async def execute(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Any:
        """Raise the statement with its values in it."""
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped
        compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})  # type: ignore[attr-defined]
        raise Written(str(compiled).replace("%%", "%"))


@pytest.fixture(scope="module")
async def owner(http: httpx.AsyncClient, config: Config) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection to a tenant with many notes."""
    await create_tenant(http, SCHEMA)
    async with owner_connection(config, SCHEMA) as connection:
        await connection.execute(FILL)
        for table in ("notes", "note_links"):  # also merges what the index of words has pending
            await connection.execute(f"VACUUM (ANALYZE) {table}")
        yield connection


def somebody() -> Principal:
    """Who may read all notes."""
    tenant = TenantName.parse(SCHEMA)
    assert tenant is not None
    return Principal(tenant, new_id(), "owner", new_id(), "token", (), 1, {"notes:read": "all"})


async def plan(owner: asyncpg.Connection, ask: Callable[[Any], Awaitable[object]]) -> str:
    """What PostgreSQL would do."""
    scribe = Scribe()
    with pytest.raises(Written) as found:
        await ask(scribe)
    async with owner.transaction():
        await owner.execute(scribe.opening)
        return "\n".join(row[0] for row in await owner.fetch(f"EXPLAIN (COSTS OFF) {found.value}"))


def query() -> ListQuery:
    """The first page."""
    return ListQuery(50, None, None, False, None, None, None, "plan", CursorCodec(b"key"))


@pytest.mark.parametrize(
    ("words", "index"),
    [
        (["rare"], "ix_notes_search"),
        (["scarce"], "ix_notes_search"),
        (["every"], "ix_notes_created_at_id"),
        (["every", "rare"], "ix_notes_search"),
    ],
)
async def test_rare_words_are_found_by_their_index_and_frequent_ones_by_time(
    owner: asyncpg.Connection, words: list[str], index: str
) -> None:
    wanted = write_query(words, "en")

    found = await plan(
        owner,
        lambda unit: list_hits(unit, somebody(), query(), [KINDS["note"]], wanted, related=(None, None)),
    )

    assert index in found, found
    assert "Seq Scan" not in found, found


async def test_a_timeline_begins_at_the_links(owner: asyncpg.Connection) -> None:
    asked = {"related_type": "booking", "related_id": "BK-7"}

    found = await plan(owner, lambda unit: list_items(unit, somebody(), query(), [KINDS["note"]], **asked))

    assert "ix_note_links_link_type_link_id" in found, found
    assert "Seq Scan" not in found, found
