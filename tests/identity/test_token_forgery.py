"""Access tokens somebody else made, or tampered with: refused before anything of them is believed."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import example, given
from hypothesis import strategies as st

from common.errors import Unauthenticated
from common.keys import to_base64url
from tests.support.servers import SECRET
from tests.support.tokens import GENUINE, TOKENS, claims, forge, forge_text, header, hmac_signer, issued

pytestmark = pytest.mark.promise("I1")

RSA_KEY: Final = rsa.generate_private_key(65537, 2048)
EC_KEY: Final = ec.generate_private_key(ec.SECP256R1())
PUBLIC: Final = RSA_KEY.public_key()
INFO: Final = serialization.PublicFormat.SubjectPublicKeyInfo
JWK: Final = {"kty": "RSA", "e": "AQAB", "n": to_base64url(PUBLIC.public_numbers().n.to_bytes(256, "big"))}

FOREIGN_KEYS: Final = {
    "empty": b"",
    "placeholder": b"your-secret-key-change-in-production",
    "digest_of_ours": hashlib.sha256(SECRET.encode()).digest(),
    "shorter": SECRET[:-1].encode(),
    "longer": SECRET.encode() + b"x",
    "pem": PUBLIC.public_bytes(serialization.Encoding.PEM, INFO),
    "der": PUBLIC.public_bytes(serialization.Encoding.DER, INFO),
    "jwk": json.dumps(JWK).encode(),
}
HEADERS: Final[dict[str, dict[str, Any]]] = {
    "none": {"alg": "none"},
    "none_upper": {"alg": "NONE"},
    "none_mixed": {"alg": "nOnE"},
    "alg_lower": {"alg": "hs256"},
    "alg_null": {"alg": None},
    "alg_list": {"alg": ["HS256"]},
    "alg_missing": {"alg": ...},
    "kid_missing": {"kid": ...},
    "kid_other": {"kid": "0123456789abcdef"},
    "kid_path": {"kid": "../../../../dev/null"},
    "kid_sql": {"kid": "x' UNION SELECT 'key' --"},
    "kid_null": {"kid": None},
    "kid_number": {"kid": 1},
    "crit_unknown": {"crit": ["exp"], "exp": 1},
    "crit_empty": {"crit": []},
    "b64": {"b64": False, "crit": ["b64"]},
    "zip": {"zip": "DEF"},
    "jwk": {"jwk": JWK},
    "jku": {"jku": "http://127.0.0.1:9/keys"},
    "x5u": {"x5u": "http://127.0.0.1:9/certificate"},
    "x5c": {"x5c": ["MIIB"]},
    "typ_missing": {"typ": ...},
    "typ_jwt": {"typ": "JWT"},
    "typ_upper": {"typ": "AT+JWT"},
    "typ_long": {"typ": "application/at+jwt"},
    "typ_list": {"typ": ["at+jwt"]},
    "enc": {"enc": "A256GCM"},
}


def _refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.verify(token)


def test_the_forger_knows_how_to_make_a_token_that_passes() -> None:
    """Without this, every refusal below could be the forger's fault."""
    assert TOKENS.verify(forge(claims(username="Ω"))).tenant.schema == "tenant_alpha"


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_the_service_does_not_write_is_refused_however_well_it_is_signed(name: str) -> None:
    _refused(forge(claims(), header(**HEADERS[name])))


@pytest.mark.parametrize("algorithm", ["none", "NONE", "HS256"])
def test_an_unsigned_token_is_refused(algorithm: str) -> None:
    _refused(forge(claims(), header(alg=algorithm), lambda _: b""))


@pytest.mark.parametrize("name", FOREIGN_KEYS)
@pytest.mark.parametrize(("algorithm", "digest"), [("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")])
def test_a_token_signed_with_another_key_is_refused(name: str, algorithm: str, digest: str) -> None:
    sign = hmac_signer(FOREIGN_KEYS[name], digest)

    _refused(forge(claims(), header(alg=algorithm), sign))
    _refused(forge(claims(), sign=sign))


@pytest.mark.parametrize(("algorithm", "digest"), [("HS384", "sha384"), ("HS512", "sha512")])
def test_another_hash_is_refused_even_with_the_right_key(algorithm: str, digest: str) -> None:
    _refused(forge(claims(), header(alg=algorithm), hmac_signer(SECRET.encode(), digest)))


def test_an_rsa_signature_is_refused() -> None:
    def sign(message: bytes) -> bytes:
        return RSA_KEY.sign(message, padding.PKCS1v15(), hashes.SHA256())

    _refused(forge(claims(), header(alg="RS256"), sign))
    _refused(forge(claims(), header(alg="RS256", jwk=JWK), sign))
    _refused(forge(claims(), sign=sign))


def test_an_elliptic_signature_is_refused() -> None:
    def sign(message: bytes) -> bytes:
        return EC_KEY.sign(message, ec.ECDSA(hashes.SHA256()))

    _refused(forge(claims(), header(alg="ES256"), sign))
    _refused(forge(claims(), sign=sign))


def test_every_flipped_character_is_noticed() -> None:
    """Also in the last character of each part, whose unused bits a lenient decoder would ignore."""
    token = issued()
    TOKENS.verify(token)

    for position, character in enumerate(token):
        for other in "A_.-9=+/ \n\x00é":
            if other != character:
                _refused(token[:position] + other + token[position + 1 :])
        if character.isalpha():
            _refused(token[:position] + character.swapcase() + token[position + 1 :])


def test_every_truncation_and_every_lost_character_is_noticed() -> None:
    token = issued()

    for position in range(len(token)):
        _refused(token[:position])
        _refused(token[position + 1 :])
        _refused(token[:position] + token[position + 1 :])


def test_parts_of_two_genuine_tokens_do_not_mix() -> None:
    one, other = issued().split("."), issued().split(".")

    _refused(".".join([one[0], one[1], other[2]]))
    _refused(".".join([one[0], other[1], one[2]]))
    _refused(".".join([one[1], one[0], one[2]]))


@pytest.mark.parametrize(
    "change", ["{}.", ".{}", "{}..", " {}", "{} ", "{}\n", "{}=", "{}==", "{0}.{0}", "\ufeff{}", "{}\x00"]
)
def test_anything_around_a_genuine_token_is_refused(change: str) -> None:
    _refused(change.format(issued()))


@pytest.mark.parametrize(
    "token", ["", ".", "..", "....", "null", "{}", "é" * 40, "٣.٣.٣", "a" * 100_000, "." * 100_000]
)
def test_what_is_no_token_at_all_is_refused(token: str) -> None:
    _refused(token)


def test_an_encrypted_token_is_refused() -> None:
    """Five parts (RFC 7516): the service never made one."""
    head = to_base64url(json.dumps({"alg": "dir", "enc": "A256GCM", "typ": "at+jwt"}).encode())

    _refused(".".join([head, "", "AAAAAAAAAAAAAAAA", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA"]))
    _refused(f"{issued()}.AAAA.AAAA")


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "1", '"x"', "{", '{"a":' * 900, "[" * 2500, "\ud7ff", "NaN", "1e999"]
)
def test_json_that_is_not_an_object_is_refused_also_when_it_is_signed(text: str) -> None:
    _refused(forge_text(text, json.dumps(claims())))
    _refused(forge_text(json.dumps(header()), text))


def test_a_huge_token_with_a_genuine_signature_is_refused_unread() -> None:
    _refused(forge(claims(username="x" * 100_000)))


@given(st.text(max_size=300))
@example("a.b.c")
def test_no_text_is_anything_but_refused(text: str) -> None:
    _refused(text)


@given(st.binary(max_size=120), st.binary(max_size=120))
def test_no_signed_bytes_are_anything_but_refused(head: bytes, payload: bytes) -> None:
    """Whoever had the key could still not crash the service."""
    genuine = to_base64url(json.dumps(header()).encode())
    for first in (to_base64url(head), genuine):
        signed = f"{first}.{to_base64url(payload)}"
        _refused(f"{signed}.{to_base64url(GENUINE(signed.encode()))}")


def test_the_signature_is_hmac_sha256_of_the_secret() -> None:
    """The contract's HS256 with SECRET_KEY: any standard library can check it."""
    signed, _, signature = issued().rpartition(".")

    assert signature == to_base64url(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest())
