"""Which passwords are refused, and what a person is told."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from zxcvbn import zxcvbn

from tests.support.problems import problem_of
from tests.support.servers import PLATFORM_KEY
from tests.support.world import TestTenant
from users.passwords.rules import WINDOW, _check_strength

PERSON = {"username": "nikoleta", "email": "n.papadaki@acme-travel.example", "full_name": "Νικολέτα Παπαδάκη"}

REFUSED = {
    "elevenchars": "password_too_short",
    "x" * 11: "password_too_short",
    "ﷺ" * 20: "password_too_long",  # NFKC makes 18 characters of each
    "passwordpassword": "password_guessable",
    "qwertyuiop12": "password_guessable",
    "123456789012": "password_guessable",
    "aaaaaaaaaaaaaaaaaaaa": "password_guessable",
    "P@ssw0rd12345": "password_guessable",
    "abcdefghijklmnop": "password_guessable",
    "nikoleta12345": "password_personal",
    "Nikoleta.Papadaki!": "password_personal",
    "n.papadaki@acme-travel.example": "password_personal",
    "ΝΙΚΟΛΕΤΑ ΠΑΠΑΔΑΚΗ": "password_personal",
    "atelokin-atelokin": "password_personal",
    "alpha ALPHA alpha": "password_personal",
}


@pytest.mark.parametrize("password", REFUSED)
async def test_a_refusal_has_a_reason(alpha: TestTenant, password: str) -> None:
    answer = await alpha.owner.post("/users", json={**PERSON, "password": password})

    problem = problem_of(answer, 422, "password_refused")
    (error,) = problem["errors"]
    assert (error["pointer"], error["code"]) == ("/body/password", REFUSED[password])
    assert error["message"] == problem["detail"]
    assert password not in answer.text


async def test_what_is_guessable_comes_with_advice(alpha: TestTenant) -> None:
    answer = await alpha.owner.post("/users", json={**PERSON, "password": "passwordpassword"})

    assert "Repeats" in answer.json()["detail"]
    assert "Add another word or two." in answer.json()["detail"]


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "ένα καράβι παλιό σαπιοκάραβο",
        "x9$kQ2!vLp0z",
        "🚢🏝️🌅🐬⚓🧭🌊🐚🦑🍋🫒🧿",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa wanders through olive groves",
        "nikoleta walks to the old lighthouse",
        "".join(chr(0x4E00 + number * 37) for number in range(128)),
    ],
)
async def test_a_good_password_needs_no_rules_of_composition(tenant: TestTenant, password: str) -> None:
    assert (await tenant.owner.post("/users", json={**PERSON, "password": password})).status_code == 201

    body = {"username": "nikoleta", "password": password}
    assert (await tenant.anonymous.post("/auth/login", json=body)).status_code == 200


async def test_every_door_to_a_password_has_the_same_rules(alpha: TestTenant) -> None:
    body = {
        "name": "Weak",
        "admin": {"email": "a@weak.example", "username": "weak", "password": "passwordpassword"},
    }
    answer = await alpha.anonymous.post(
        "/auth/initialize-tenant",
        json=body,
        headers={"X-Platform-Key": PLATFORM_KEY, "X-Tenant-ID": "tenant_weak_password"},
    )

    problem = problem_of(answer, 422, "password_refused")
    assert problem["errors"][0]["pointer"] == "/body/admin/password"


def test_the_words_of_one_user_do_not_leak_into_the_next_verdict() -> None:
    """zxcvbn keeps them in a global; many threads ask at once."""
    password, verdicts = "zanzibar-okapi-77", []

    def judge(about: list[str | None]) -> None:
        try:
            _check_strength(password, about, "/body/password", 3)
        except Exception as error:
            verdicts.append((bool(about), getattr(error, "reason", repr(error))))
        else:
            verdicts.append((bool(about), None))

    threads = [threading.Thread(target=judge, args=(["zanzibar", "okapi"] if n % 2 else [],)) for n in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(set(verdicts), key=str) == [(False, None), (True, "password_personal")]
    assert len(verdicts) == 32


def test_the_costliest_text_is_judged_in_bounded_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look-alike characters make zxcvbn's work explode with the length: it never gets more than a window at once."""
    seen: list[str] = []

    def watching(part: str, **options: Any) -> Any:
        seen.append(part)
        return zxcvbn(part, **options)

    monkeypatch.setattr("zxcvbn.zxcvbn", watching)
    generator = random.Random(7)
    leet = "".join(generator.choice("4@8({[<369&#!+1|7$50%2") for _ in range(128))

    _check_strength(leet, [], "/body/password", 3)

    assert seen == [leet[:WINDOW]]
