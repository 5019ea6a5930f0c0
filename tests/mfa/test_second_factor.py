"""The second factor: turning it on, logging in with it, and what it refuses."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from common.ids import TenantName
from serving.services import Services
from tests.support.world import PASSWORD, Person, TestTenant, add_person

SECRETS = text(
    "SELECT secret FROM user_totp WHERE user_id = :user_id UNION ALL SELECT digest FROM recovery_codes "
    "WHERE user_id = :user_id"
)
LogIn = Callable[..., Awaitable[httpx.Response]]
_numbers = itertools.count(1)


@pytest.fixture
async def person(http: httpx.AsyncClient, alpha: TestTenant) -> Person:
    """Somebody without a second factor yet."""
    return await add_person(http, alpha, "member", f"careful{next(_numbers)}")


async def turn_on(person: Person) -> tuple[pyotp.TOTP, list[str]]:
    """An authenticator in step with the service, and the recovery codes. The current code is used up."""
    begun = await person.api.post("/auth/mfa/totp")
    assert begun.status_code == 200, begun.text
    totp = pyotp.TOTP(begun.json()["secret"])
    confirmed = await person.api.post("/auth/mfa/totp/confirm", json={"code": totp.now()})
    assert confirmed.status_code == 200, confirmed.text
    return totp, confirmed.json()["recovery_codes"]


def coming(totp: pyotp.TOTP) -> str:
    """The code of the coming step, which is accepted already: the current one may be used up."""
    return totp.at(int(time.time()) + 30)


@pytest.fixture
def log_in(alpha: TestTenant, person: Person) -> LogIn:
    """Have that person log in."""

    async def post(otp: str | None = None, password: str = PASSWORD) -> httpx.Response:
        body = {"username": person.username, "password": password} | ({"otp": otp} if otp else {})
        return await alpha.anonymous.post("/auth/login", json=body)

    return post


async def test_an_unconfirmed_secret_changes_nothing(log_in: LogIn, person: Person) -> None:
    begun = await person.api.post("/auth/mfa/totp")

    assert begun.json()["otpauth_uri"].startswith("otpauth://totp/")
    assert begun.json()["qr_svg"].startswith("<svg")
    assert (await log_in()).status_code == 200


async def test_a_wrong_first_code_does_not_turn_it_on(log_in: LogIn, person: Person) -> None:
    await person.api.post("/auth/mfa/totp")

    answer = await person.api.post("/auth/mfa/totp/confirm", json={"code": "000000"})

    assert (answer.status_code, answer.json()["code"]) == (422, "mfa_code_invalid")
    assert (await log_in()).status_code == 200


async def test_confirming_without_a_secret_is_404(person: Person) -> None:
    assert (await person.api.post("/auth/mfa/totp/confirm", json={"code": "000000"})).status_code == 404


async def test_login_asks_for_the_code_only_after_a_right_password(log_in: LogIn, person: Person) -> None:
    totp, _ = await turn_on(person)

    missing = await log_in()
    wrong_password = await log_in(coming(totp), password="not the password")
    wrong_code = await log_in("000000")
    right = await log_in(coming(totp))

    assert (missing.status_code, missing.json()["code"]) == (401, "mfa_required")
    assert (wrong_password.status_code, wrong_password.json()["code"]) == (401, "invalid_credentials")
    assert (wrong_code.status_code, wrong_code.json()["code"]) == (401, "invalid_credentials")
    assert right.status_code == 200
    assert right.json()["user"]["mfa_enabled"] is True


async def test_a_code_works_once_also_for_many_at_once(log_in: LogIn, person: Person) -> None:
    totp, _ = await turn_on(person)
    code = coming(totp)

    answers = await asyncio.gather(*(log_in(code) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


async def test_a_recovery_code_stands_in_once_whatever_its_spelling(log_in: LogIn, person: Person) -> None:
    _, codes = await turn_on(person)
    spelled = codes[0].upper().replace("-", " ")

    first, second = await log_in(spelled), await log_in(codes[0])

    assert len(codes) == len(set(codes)) == 10
    assert (first.status_code, second.status_code) == (200, 401)


async def test_it_cannot_be_replaced_while_it_is_on(person: Person) -> None:
    await turn_on(person)

    again = await person.api.post("/auth/mfa/totp")

    assert (again.status_code, again.json()["code"]) == (409, "mfa_already_enabled")


async def test_turning_it_off_needs_the_password(log_in: LogIn, person: Person) -> None:
    await turn_on(person)

    refused = await person.api.request("DELETE", "/auth/mfa/totp", json={"password": "not the password"})
    done = await person.api.request("DELETE", "/auth/mfa/totp", json={"password": PASSWORD})
    again = await person.api.request("DELETE", "/auth/mfa/totp", json={"password": PASSWORD})

    assert (refused.status_code, refused.json()["code"]) == (422, "password_wrong")
    assert (done.status_code, again.status_code) == (204, 404)
    assert (await log_in()).status_code == 200


async def test_turning_it_off_is_limited_like_a_login(person: Person) -> None:
    await turn_on(person)

    answers = [
        await person.api.request("DELETE", "/auth/mfa/totp", json={"password": "not the password"}) for _ in range(11)
    ]

    assert answers[-1].status_code == 429


@pytest.mark.promise("I8")
async def test_no_secret_is_stored_in_clear(app: FastAPI, alpha: TestTenant, person: Person) -> None:
    totp, codes = await turn_on(person)
    services: Services = app.state.services
    name = TenantName.parse(alpha.name)
    assert name is not None
    known = await services.find_tenant(name)
    assert known is not None

    async with services.database.read(known) as unit:
        rows = (await unit.execute(SECRETS, {"user_id": person.id})).all()

    stored = repr(rows)
    assert len(rows) == 11
    assert totp.secret not in stored
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)
