"""A server that is shut down says so before it hangs up: whoever asks something in between gets no 500."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from common.errors import DatabaseUnavailable
from common.postgresql.errors import may_retry, translate
from tests.database.narrow import Narrow
from tests.support.wire import GOOD_BYE

pytestmark = [pytest.mark.promise("S2"), pytest.mark.usefixtures("nothing_is_left")]


async def test_between_two_requests_nobody_notices(narrow: Narrow) -> None:
    for owner in narrow.owners():
        assert (await owner.get("/tools/notes")).status_code == 200

        narrow.wire.say(GOOD_BYE)
        assert (await owner.get("/tools/notes")).status_code == 200

        narrow.wire.say(GOOD_BYE)
        assert (await owner.post("/tools/notes", json={"title": "after a good-bye"})).status_code == 201


async def test_between_two_statements_it_is_the_database_that_is_away(narrow: Narrow) -> None:
    """And the transaction may be run once more, for its COMMIT was not sent."""
    for tenant in narrow.tenants:
        unit = narrow.database.read(tenant)
        await unit.execute(text("SELECT 1"))
        narrow.wire.say(GOOD_BYE)
        await asyncio.sleep(0.1)  # heard
        with pytest.raises(DBAPIError) as caught:
            await unit.execute(text("SELECT 2"))
        await unit.__aexit__(DBAPIError, caught.value, None)

        assert "InternalClientError" in str(caught.value), "the driver has another name for it"
        assert isinstance(translate(caught.value, {}), DatabaseUnavailable)
        assert may_retry(caught.value, commit_sent=unit.commit_sent)
