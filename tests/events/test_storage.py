"""How events are stored: found by an index, and opening nothing in a copy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.dialects import postgresql

from common.config import Config
from tests.events.calendars import make
from tests.events.test_files import feed, nobody
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY
from tests.support.tool_operations.events import insert_link
from tests.support.world import Api, TestTenant
from tools.events.kind import EVENT
from tools.events.queries import happens_within
from tools.records.queries import is_living

FILL = """
    INSERT INTO events (id, title, starts_at, ends_at, last_ends_at)
    SELECT gen_random_uuid(), 'old', at, at + interval '1 hour', at + interval '1 hour'
    FROM (SELECT now() - number * interval '1 hour' AS at FROM generate_series(1, 8000) AS number) AS made"""


async def test_what_happens_in_a_week_is_found_by_indexes(tenant: TestTenant, config: Config) -> None:
    """However much happened before."""
    low = datetime(2030, 1, 1, tzinfo=UTC)
    condition = happens_within(low, low + timedelta(days=7))
    wanted = select(EVENT.table.c.id).where(is_living(EVENT), condition)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped
    query = str(wanted.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))

    async with owner_connection(config, tenant.name) as owner:
        await owner.execute(FILL)
        await owner.execute("ANALYZE events")
        plan = "\n".join(row[0] for row in await owner.fetch(f"EXPLAIN {query}"))

    assert "ix_events_span" in plan, plan
    assert "Seq Scan on events" not in plan, plan


@pytest.mark.promise("T1")
async def test_a_copy_of_a_tenant_opens_no_feed_and_takes_no_answer(
    http: httpx.AsyncClient, tenant: TestTenant, config: Config
) -> None:
    event = await make(tenant.owner, rrule="FREQ=DAILY", attendees=[{"email": "guest@guests.example"}])
    address = await feed(tenant.owner)
    async with owner_connection(config, tenant.name) as owner:
        link = f"/tools/events/respond/{await insert_link(owner, event['id'])}"
    short = tenant.name.removeprefix("tenant_")
    operator = Api(http, {"X-Platform-Key": PLATFORM_KEY})

    cloned = await operator.post(f"/platform/tenants/{short}/clone", json={"target": f"{short}_copy"})
    await operator.patch(f"/platform/tenants/{short}_copy", json={"status": "active"})

    assert cloned.status_code == 201, cloned.text
    for path in (address, link):
        assert (await nobody(tenant).get(path)).status_code == 200
        assert (await nobody(tenant).get(path.replace(f"/{short}.", f"/{short}_copy."))).status_code in {400, 404}
    async with owner_connection(config, f"{tenant.name}_copy") as owner:
        assert await owner.fetchval("SELECT count(*) FROM event_feeds") == 0
        assert await owner.fetchval("SELECT count(*) FROM event_attendees WHERE answer_digest IS NOT NULL") == 0
        assert await owner.fetchval("SELECT count(*) FROM events") == 1
