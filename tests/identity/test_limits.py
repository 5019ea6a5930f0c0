"""Guessing is limited, where no restart of anything but the database's disk can reset it, and nobody is locked out."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

import main
from common.limits import Limit, Limiter, Try
from serving.services import Services
from tests.support.servers import Servers
from tests.support.world import API, PASSWORD, TestTenant, add_person

pytestmark = pytest.mark.promise("I6")

ELSEWHERE = "198.51.100."


def client_from(app: FastAPI, address: str) -> httpx.AsyncClient:
    """A client with another IP address."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40000))
    return httpx.AsyncClient(transport=transport, base_url="http://service.test")


async def log_in(http: httpx.AsyncClient, tenant: TestTenant, name: str, password: str = "a guess") -> httpx.Response:
    body = {"username": name, "password": password}
    return await http.post(f"{API}/auth/login", json=body, headers={"X-Tenant-ID": tenant.name})


async def guess_until_refused(http: httpx.AsyncClient, tenant: TestTenant, name: str) -> list[httpx.Response]:
    """Wrong passwords from one address until the answer is no longer 401."""
    answers = [await log_in(http, tenant, name)]
    while answers[-1].status_code == 401 and len(answers) < 30:
        answers.append(await log_in(http, tenant, name))
    return answers


async def test_guessing_ends_with_429_and_says_when_to_come_back(app: FastAPI, tenant: TestTenant) -> None:
    async with client_from(app, f"{ELSEWHERE}1") as guesser:
        answers = await guess_until_refused(guesser, tenant, "owner")

    tries = app.state.services.config.login_tries_per_client
    assert [answer.status_code for answer in answers] == [401] * tries + [429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[0].headers["ratelimit-policy"] == f'"login-client";q={tries};w=300'
    assert answers[0].headers["ratelimit"] == f'"login-client";r={tries - 1};t=0'


async def test_a_guesser_locks_out_himself_and_not_the_owner(app: FastAPI, tenant: TestTenant) -> None:
    async with client_from(app, f"{ELSEWHERE}2") as guesser, client_from(app, f"{ELSEWHERE}3") as owner:
        await guess_until_refused(guesser, tenant, "owner")

        assert (await log_in(guesser, tenant, "owner", PASSWORD)).status_code == 429
        assert (await log_in(owner, tenant, "owner", PASSWORD)).status_code == 200


async def test_right_passwords_are_not_counted(app: FastAPI, tenant: TestTenant) -> None:
    async with client_from(app, f"{ELSEWHERE}4") as client:
        answers = [await log_in(client, tenant, "owner", PASSWORD) for _ in range(12)]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["ratelimit"] for answer in answers}) == 1


async def test_an_account_that_does_not_exist_is_limited_alike(app: FastAPI, tenant: TestTenant) -> None:
    async with client_from(app, f"{ELSEWHERE}5") as guesser:
        known = await guess_until_refused(guesser, tenant, "owner")
        unknown = await guess_until_refused(guesser, tenant, "nobody")

    def seen(answers: list[httpx.Response]) -> list[tuple[int, str]]:
        return [(answer.status_code, answer.headers["ratelimit"].rpartition(";t=")[0]) for answer in answers]

    assert seen(known) == seen(unknown)


@pytest.mark.promise("T1")
async def test_accounts_of_two_tenants_do_not_share_a_limit(
    app: FastAPI, tenant: TestTenant, alpha: TestTenant
) -> None:
    async with client_from(app, f"{ELSEWHERE}6") as client:
        await guess_until_refused(client, tenant, "owner")

        assert (await log_in(client, alpha, "owner", PASSWORD)).status_code == 200


async def test_many_addresses_wear_out_an_account_but_not_for_who_was_here_before(
    servers: Servers, http: httpx.AsyncClient, tenant: TestTenant, app: FastAPI
) -> None:
    config = app.state.services.config.model_copy(update={"login_tries_per_account": 5})
    patient = main.create_app(config)
    async with patient.router.lifespan_context(patient):
        for number in range(10, 16):
            async with client_from(patient, f"{ELSEWHERE}{number}") as stranger:
                last = await log_in(stranger, tenant, "owner")
        async with client_from(patient, "203.0.113.7") as known, client_from(patient, f"{ELSEWHERE}99") as strange:
            assert last.status_code == 429
            assert (await log_in(strange, tenant, "owner", PASSWORD)).status_code == 429
            assert (await log_in(known, tenant, "owner", PASSWORD)).status_code == 200


async def test_the_count_is_shared_by_all_processes_and_survives_their_restart(
    app: FastAPI, tenant: TestTenant
) -> None:
    async with client_from(app, f"{ELSEWHERE}20") as guesser:
        await guess_until_refused(guesser, tenant, "owner")

    restarted = main.create_app(app.state.services.config)
    async with restarted.router.lifespan_context(restarted), client_from(restarted, f"{ELSEWHERE}20") as guesser:
        assert (await log_in(guesser, tenant, "owner")).status_code == 429


async def test_parallel_guesses_are_all_counted(app: FastAPI, http: httpx.AsyncClient, tenant: TestTenant) -> None:
    await add_person(http, tenant, "member")
    async with client_from(app, f"{ELSEWHERE}21") as guesser:
        answers = await asyncio.gather(*(log_in(guesser, tenant, "member") for _ in range(32)))

    tried = [answer for answer in answers if answer.status_code == 401]
    assert len(tried) <= app.state.services.config.login_tries_per_client
    assert {answer.status_code for answer in answers} <= {401, 429, 503}


async def test_asking_about_tenants_is_limited_by_address(app: FastAPI, tenant: TestTenant) -> None:
    config = app.state.services.config.model_copy(update={"open_requests_per_address": 3})
    strict = main.create_app(config)
    async with strict.router.lifespan_context(strict), client_from(strict, f"{ELSEWHERE}30") as asker:
        headers = {"X-Tenant-ID": tenant.name}
        answers = [await asker.post(f"{API}/auth/verify-tenant", headers=headers) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


async def test_tries_come_back_with_time(app: FastAPI) -> None:
    """Five in a second: the sixth at once is refused, and one a fifth of a second later is not."""
    services: Services = app.state.services
    attempt = services.limiter.attempt(Limit("test", 5, 1), "somebody")

    async def spend() -> bool:
        async with services.database.system_bookkeeping() as unit:
            return (await services.limiter.spend(unit, [attempt]))[0].allowed

    burst = [await spend() for _ in range(5)]
    await asyncio.sleep(1.0)

    assert all(burst)
    assert await spend()


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4), st.lists(st.text(max_size=5), min_size=1, max_size=4))
def test_different_parts_make_different_keys(first: list[str], second: list[str]) -> None:
    limiter, limit = Limiter(b"k" * 32), Limit("test", 5, 60)

    def key(parts: list[str]) -> Try:
        return limiter.attempt(limit, *parts)

    assert (key(first) == key(second)) == (first == second)
