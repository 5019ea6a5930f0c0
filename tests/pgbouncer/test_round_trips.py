"""What a unit costs on the wire to PgBouncer: as much as to PostgreSQL where statements stay prepared."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from database import Tenant
from tests.database.test_round_trips import (
    alpha_there,
    owner,
    test_a_checkout_from_the_pool_costs_nothing,
    test_a_known_token_is_verified_without_the_database,
    test_a_unit_that_is_not_used_costs_nothing,
    test_only_the_begin_message_names_the_tenant,
    test_what_a_unit_sets_ends_with_its_transaction,
    warm_cost,
)
from tests.pgbouncer.conftest import Bounced
from tests.support.apps import Wired, services_of
from tests.support.world import Api
from users.models import User

__all__ = [
    "alpha_there",
    "owner",
    "test_a_checkout_from_the_pool_costs_nothing",
    "test_a_known_token_is_verified_without_the_database",
    "test_a_unit_that_is_not_used_costs_nothing",
    "test_only_the_begin_message_names_the_tenant",
    "test_what_a_unit_sets_ends_with_its_transaction",
]


async def test_a_statement_that_stays_prepared_costs_one_round_trip_another_two(
    wired: Wired, alpha_there: Tenant, owner: Api, bounced: Bounced
) -> None:
    async def read() -> None:
        async with services_of(wired.app).database.read(alpha_there) as unit:
            await unit.execute(select(func.count()).select_from(User))

    async def ask() -> None:
        assert (await owner.get("/users")).status_code == 200

    expected = 3 if bounced.prepared else 4
    assert await warm_cost(wired, read) == expected
    assert await warm_cost(wired, ask) == expected


async def test_a_text_is_sent_again_only_where_statements_do_not_stay_prepared(
    wired: Wired, alpha_there: Tenant, bounced: Bounced
) -> None:
    for _ in range(3):
        wired.wire.reset()
        async with services_of(wired.app).database.read(alpha_there) as unit:
            await unit.execute(select(func.count()).select_from(User))

    sent = [text for text in wired.wire.statements if text.startswith("SELECT")]
    assert (sent == []) == bounced.prepared


@pytest.mark.promise("T3")
async def test_nobody_listens_through_pgbouncer(wired: Wired) -> None:
    """A LISTEN there would be heard by whoever gets the server connection next."""
    assert services_of(wired.app).caches.is_listening
    assert [text for text in wired.wire.statements if "LISTEN" in text.upper()] == []
