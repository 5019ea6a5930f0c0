"""The login role's password reaches PostgreSQL as a verifier only."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from migrations.bootstrap import scram_verifier


@pytest.mark.promise("I8")
def test_a_verifier_proves_the_password_without_holding_it() -> None:
    verifier = scram_verifier("canary of a password")

    assert "canary" not in verifier
    method, rounds_and_salt, keys = verifier.split("$")
    rounds, salt = rounds_and_salt.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", b"canary of a password", base64.b64decode(salt), int(rounds))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    assert method == "SCRAM-SHA-256"
    assert base64.b64decode(keys.split(":")[0]) == hashlib.sha256(client_key).digest()


def test_two_verifiers_of_one_password_differ() -> None:
    assert scram_verifier("one password") != scram_verifier("one password")
