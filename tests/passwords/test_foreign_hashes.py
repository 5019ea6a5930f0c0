"""Passwords that another system hashed: which of its hashes are taken, that they let their owners in, once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Final

import pytest
from passlib.handlers.django import django_argon2, django_bcrypt, django_pbkdf2_sha256
from passlib.hash import argon2, bcrypt, pbkdf2_sha256
from werkzeug.security import generate_password_hash

from shared_auth import decoy_of_form, form_of_hash
from tests.passwords.conftest import log_in
from tests.support.post import PostOffice
from tests.support.probes import owner_connection
from tests.support.servers import MEMORY_KIB
from tests.support.world import Person, TestTenant
from users.passwords.foreign import HashRefused, read_foreign_hash

TYPED: Final = "ﬁve café №1"  # which is another text in NFKC, and others hash it as it was typed
LONG: Final = "0123456789" * 7 + "éé"  # 74 bytes: bcrypt looks at the first of its last two characters, and no further
OURS: Final = f"$argon2id$v=19$m={MEMORY_KIB},t=2,p=1$"
SALT: Final = "A" * 22
DIGEST: Final = "A" * 43
BCRYPT_REST: Final = f"{'.' * 22}{'.' * 31}"


def hashes_of(password: str) -> dict[str, str]:
    """As the systems that people come from would have stored it, by their own libraries where we have those."""
    plain = bcrypt.using(rounds=4).hash(password.encode()[:72])
    return {
        "bcrypt 2b": plain,
        "bcrypt 2a": plain.replace("$2b$", "$2a$"),
        "bcrypt 2y": plain.replace("$2b$", "$2y$"),
        "argon2id": argon2.using(type="ID", memory_cost=512, time_cost=3, parallelism=4).hash(password),
        "argon2id like ours": argon2.using(type="ID", memory_cost=MEMORY_KIB, time_cost=2, parallelism=1).hash(
            password
        ),
        "passlib pbkdf2": pbkdf2_sha256.using(rounds=1000).hash(password),
        "django pbkdf2": django_pbkdf2_sha256.using(rounds=1000).hash(password),
        "django argon2": django_argon2.using(type="ID", memory_cost=512, time_cost=2, parallelism=1).hash(password),
        "django bcrypt": django_bcrypt.using(rounds=4).hash(password.encode()[:72]),
        "werkzeug pbkdf2": generate_password_hash(password, method="pbkdf2:sha256:1000"),
    }


async def store(office: PostOffice, branch: TestTenant, person: Person, stored: str) -> None:
    """Have somebody come with this hash."""
    async with owner_connection(office.config, branch.name) as owner:
        await owner.execute("UPDATE users SET password_hash = $1 WHERE id = $2", stored, person.id)


async def has_one_of_ours(office: PostOffice, branch: TestTenant, person: Person) -> bool:
    async with owner_connection(office.config, branch.name) as owner:
        stored = await owner.fetchval("SELECT password_hash FROM users WHERE id = $1", person.id)
    return str(stored).startswith(OURS)


@pytest.mark.promise("I8")
@pytest.mark.parametrize("system", hashes_of(TYPED))
async def test_whoever_comes_with_a_foreign_hash_logs_in_and_has_one_of_ours(
    system: str, office: PostOffice, branch: TestTenant, person: Person
) -> None:
    await store(office, branch, person, read_foreign_hash(hashes_of(TYPED)[system]))

    assert await log_in(branch, person, TYPED.upper()) == 401
    assert await has_one_of_ours(office, branch, person) is (system == "argon2id like ours")
    assert await log_in(branch, person, TYPED) == 200
    assert await has_one_of_ours(office, branch, person)
    assert await log_in(branch, person, TYPED) == 200
    assert await log_in(branch, person, TYPED + "!") == 401


async def test_two_logins_at_once_both_succeed(office: PostOffice, branch: TestTenant, person: Person) -> None:
    await store(office, branch, person, read_foreign_hash(hashes_of(TYPED)["bcrypt 2b"]))

    assert await asyncio.gather(*(log_in(branch, person, TYPED) for _ in range(4))) == [200] * 4
    assert await log_in(branch, person, TYPED) == 200


async def test_what_bcrypt_never_looked_at_counts_from_the_first_login_on(
    office: PostOffice, branch: TestTenant, person: Person
) -> None:
    """Whoever had a long password may have typed anything behind its 72nd byte, and then what he typed is his."""
    await store(office, branch, person, read_foreign_hash(hashes_of(LONG)["bcrypt 2b"]))

    assert await log_in(branch, person, LONG[:-2] + "è") == 401  # within the 72 bytes
    assert await log_in(branch, person, LONG + " and more") == 200
    assert await log_in(branch, person, LONG + " and more") == 200
    assert await log_in(branch, person, LONG) == 401


async def test_a_nul_is_not_where_a_password_ends(office: PostOffice, branch: TestTenant, person: Person) -> None:
    """Bcrypt libraries end there, and would let in whoever knows the beginning."""
    await store(office, branch, person, read_foreign_hash(hashes_of("a beginning")["bcrypt 2b"]))

    assert await log_in(branch, person, "a beginning\0 and more") == 401
    assert await log_in(branch, person, "\0") == 401
    assert await log_in(branch, person, "a beginning") == 200


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (f"$2b$31${BCRYPT_REST}", "A cost of bcrypt must be 4 to 13, not 31."),
        (f"$2b$14${BCRYPT_REST}", "A cost of bcrypt must be 4 to 13, not 14."),
        (f"$2b$03${BCRYPT_REST}", "A cost of bcrypt must be 4 to 13, not 3."),
        (f"$argon2id$v=19$m=4194304,t=1,p=1${SALT}${DIGEST}", "argon2's memory in KiB must be 8 to 131072"),
        (f"$argon2id$v=19$m=131072,t=5,p=1${SALT}${DIGEST}", "argon2's memory times passes must be"),
        (f"$argon2id$v=19$m=65536,t=0,p=1${SALT}${DIGEST}", "argon2's memory times passes must be"),
        (f"$argon2id$v=19$m=8,t=1,p=2${SALT}${DIGEST}", "argon2's memory in KiB must be 16 to"),
        (f"$argon2id$v=19$m=65536,t=1,p=255${SALT}${DIGEST}", "argon2's number of lanes must be"),
        (f"$argon2id$v=19$m=512,t=2,p=1$AAAA${DIGEST}", "The bytes of argon2's salt must be"),
        (f"$argon2id$v=19$m=512,t=2,p=1${SALT}$AAAA", "The bytes of argon2's digest must be"),
        (f"$argon2id$v=19$m=512,t=2,p=1${SALT}A$AAAAA", "Its salt or digest is not base64."),
        (f"$pbkdf2-sha256$999999999${SALT}${DIGEST}", "PBKDF2's number of iterations must be"),
        (f"$pbkdf2-sha256$1${SALT}${DIGEST}", "PBKDF2's number of iterations must be"),
        (f"$pbkdf2-sha256$1000${'A' * 400}${DIGEST}", "The bytes of PBKDF2's salt must be"),
        (f"pbkdf2_sha256$2000000$salt${DIGEST}=", "PBKDF2's number of iterations must be"),
        (f"pbkdf2:sha256:2000000$salt${'0' * 64}", "PBKDF2's number of iterations must be"),
        (f"$argon2i$v=19$m=512,t=2,p=1${SALT}${DIGEST}", "It is no hash of a known form"),
        (f"$2x$10${BCRYPT_REST}", "It is no hash of a known form"),
        (f"bcrypt_sha256$$2b$12${BCRYPT_REST}", "It is no hash of a known form"),
        (f"$2b$10${BCRYPT_REST}\n", "It is no hash of a known form"),
        ("a plain password", "It is no hash of a known form"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "It is no hash of a known form"),
        ("", "It is no hash of a known form"),
    ],
)
def test_what_would_hold_up_every_login_or_cannot_be_read_is_refused(given: str, why: str) -> None:
    with pytest.raises(HashRefused) as refusal:
        read_foreign_hash(given)

    assert str(refusal.value).startswith(why)


def test_what_is_at_a_bound_is_taken() -> None:
    for given in (
        f"$2b$13${BCRYPT_REST}",
        f"$argon2id$v=19$m=131072,t=4,p=16${SALT}${DIGEST}",
        f"$pbkdf2-sha256$1500000${SALT}${DIGEST}",
    ):
        assert read_foreign_hash(given) == given


def test_djangos_hash_is_that_of_its_documentation() -> None:
    """Not by anybody's library: PBKDF2 over the salt's characters, in base64."""
    digest = hashlib.pbkdf2_hmac("sha256", b"l\xc3\xa8tmein", b"seasalt", 1000)
    django = f"pbkdf2_sha256$1000$seasalt${base64.b64encode(digest).decode()}"

    assert pbkdf2_sha256.verify("lètmein", read_foreign_hash(django))


def test_what_is_verified_in_the_place_of_a_hash_can_be_read() -> None:
    """Otherwise verifying it would be no work at all."""
    for stored in map(read_foreign_hash, hashes_of(TYPED).values()):
        form = form_of_hash(stored)
        scheme = next(one for one in (argon2, bcrypt, pbkdf2_sha256) if one.identify(stored))

        assert form_of_hash(decoy_of_form(form)) == form
        assert scheme.verify("whatever", decoy_of_form(form)) is False
