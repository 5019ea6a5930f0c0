"""Counting tries: what many do at once."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

from common.limits import Limit
from tests.support.apps import services_of


async def test_counting_and_taking_back_never_wait_for_each_other_in_a_circle(app: FastAPI) -> None:
    """Every login locks the rows of several limits, some of them shared by all; a right password takes it back."""
    services = services_of(app)

    async def count_and_take_back(number: int) -> None:
        limiter = services.limiter
        tries = [
            limiter.attempt(Limit("own", 1000, 300), str(number)),
            limiter.attempt(Limit("some", 1000, 300), str(number % 4)),
            limiter.attempt(Limit("all", 1000, 300)),
        ]
        async with services.database.system_bookkeeping() as unit:
            spent = await limiter.spend(unit, tries)
        assert all(one.allowed for one in spent)
        async with services.database.system_bookkeeping() as unit:
            await limiter.refund(unit, tries)

    for _ in range(8):
        await asyncio.gather(*(count_and_take_back(number) for number in range(32)))

    async with services.database.system_bookkeeping() as unit:
        (left,) = await services.limiter.spend(unit, [services.limiter.attempt(Limit("all", 1000, 300))])
    assert left.remaining == 999
