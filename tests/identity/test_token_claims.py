"""What a genuine signature does not excuse: claims that the service would not have written."""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

import pytest

from common.errors import Unauthenticated
from common.signing_keys import secret_ring
from shared_auth import MAX_TOKEN_LENGTH, AccessTokens
from tests.support.servers import SECRET
from tests.support.tokens import RING, TOKENS, claims, forge, forge_text, header, issued, read_part

pytestmark = pytest.mark.promise("I1")

NAMES: Final = tuple(claims())
WRONG: Final[tuple[Any, ...]] = (None, [], {}, ["access"], 1.5, -1, 10**400, math.nan, math.inf, "", "x", True, 0)
RIGHT_TYPES: Final = {"email": str, "username": str, "jti": str}  # free text: any string is one

MOMENT: Final = int(time.time())
SINGLE: Final[dict[str, dict[str, Any]]] = {
    "exp_passed": {"exp": MOMENT - 11},
    "exp_long_passed": {"exp": 1},
    "exp_text": {"exp": str(MOMENT + 600)},
    "exp_float": {"exp": MOMENT + 600.5},
    "exp_beyond_the_calendar": {"exp": 10**15},
    "iat_future": {"iat": MOMENT + 3600, "exp": MOMENT + 7200},
    "iat_text": {"iat": str(MOMENT)},
    "iat_float": {"iat": MOMENT + 0.5},
    "nbf_future": {"nbf": MOMENT + 3600},
    "iss_other": {"iss": "another-service"},
    "iss_list": {"iss": ["system-service"]},
    "iss_case": {"iss": "System-Service"},
    "aud_other": {"aud": "another-system"},
    "aud_list": {"aud": ["travel-system"]},
    "aud_list_of_two": {"aud": ["travel-system", "x"]},
    "tenant_short": {"tenant_id": "alpha"},
    "tenant_upper": {"tenant_id": "TENANT_ALPHA"},
    "tenant_newline": {"tenant_id": "tenant_alpha\n"},
    "tenant_reserved": {"tenant_id": "tenant_public"},
    "tenant_quoted": {"tenant_id": 'tenant_alpha"; --'},
    "tenant_wide": {"tenant_id": "tenant_\uff41lpha"},
    "sub_not_uuid": {"sub": "owner"},
    "sub_sql": {"sub": "' OR 1=1 --"},
    "sid_not_uuid": {"sid": "session"},
    "typ_refresh": {"typ": "refresh"},
    "typ_upper": {"typ": "ACCESS"},
}


def _refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.verify(token)


@pytest.mark.parametrize("name", NAMES)
def test_a_token_without_one_of_its_claims_is_refused(name: str) -> None:
    incomplete = claims()
    del incomplete[name]

    _refused(forge(incomplete))


@pytest.mark.parametrize("name", NAMES)
def test_a_claim_of_another_type_is_refused(name: str) -> None:
    for value in WRONG:
        if not isinstance(value, RIGHT_TYPES.get(name, ())):
            if name == "iat" and value in (-1, 0, True):  # long ago is no fault
                continue
            _refused(forge(claims(**{name: value})))


@pytest.mark.parametrize("case", SINGLE)
def test_a_claim_that_says_the_wrong_thing_is_refused(case: str) -> None:
    _refused(forge(claims(**SINGLE[case])))


def test_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    moment = int(time.time())

    TOKENS.verify(forge(claims(exp=moment - 5)))
    TOKENS.verify(forge(claims(iat=moment + 5)))
    _refused(forge(claims(exp=moment - 12)))
    _refused(forge(claims(iat=moment + 15)))


def test_deep_nesting_in_a_signed_claim_is_at_worst_refused() -> None:
    """Deeper than Python recurses, and short enough to be read."""
    nested = "[" * 1050 + "]" * 1050
    token = forge_text(json.dumps(header()), json.dumps(claims())[:-1] + f', "extra": {nested}}}')

    assert len(token) < MAX_TOKEN_LENGTH
    with suppress(Unauthenticated):
        TOKENS.verify(token)


def test_a_token_of_another_installation_is_refused() -> None:
    """The same software, another secret, issuer or audience."""
    options: dict[str, Any] = {"issuer": "system-service", "audience": "travel-system", "lifetime": 600, "leeway": 10}
    token = issued()
    others = (
        AccessTokens(secret_ring(SECRET + "x"), **options),
        AccessTokens(RING, **(options | {"issuer": "other"})),
        AccessTokens(RING, **(options | {"audience": "other"})),
    )

    AccessTokens(RING, **options).verify(token)
    for other in others:
        with pytest.raises(Unauthenticated):
            other.verify(token)


def test_an_issued_token_has_exactly_the_documented_claims_and_header() -> None:
    """CONTRACT 3; roles are not among them, so that a removed role acts on the next request."""
    token = issued()

    assert set(read_part(token, 1)) == set(NAMES)
    assert set(read_part(token, 0)) == {"alg", "typ", "kid"}
    assert read_part(token, 1)["exp"] - read_part(token, 1)["iat"] == 600


def test_two_tokens_of_one_second_differ() -> None:
    assert read_part(issued(), 1)["jti"] != read_part(issued(), 1)["jti"]


def test_the_subject_is_read_as_it_was_written() -> None:
    subject, session = uuid4(), uuid4()

    read = TOKENS.verify(forge(claims(sub=str(subject), sid=str(session))))

    assert (read.subject, read.session_id) == (subject, session)
