"""Verified tokens are remembered, and no less checked for it."""

from __future__ import annotations

from uuid import uuid4

import pytest

import shared_auth
from common.clock import now
from common.config import Config
from common.errors import Unauthenticated
from common.ids import TenantName
from common.signing_keys import load_key_ring
from shared_auth import AccessTokens

pytestmark = pytest.mark.promise("I1")


def _tokens(config: Config, *, lifetime: int = 600) -> AccessTokens:
    return AccessTokens(
        load_key_ring(config), issuer="system-service", audience="travel-system", lifetime=lifetime, leeway=1
    )


def _issue(tokens: AccessTokens) -> str:
    tenant = TenantName.parse("alpha")
    assert tenant is not None
    return tokens.issue(subject=uuid4(), email="a@b.example", username="a", tenant=tenant, session_id=uuid4())


def test_a_token_is_read_alike_every_time(config: Config) -> None:
    tokens = _tokens(config)
    token = _issue(tokens)

    first = tokens.verify(token)

    assert tokens.verify(token) is first
    assert _tokens(config).verify(token) == first


def test_a_remembered_token_expires(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the very second, whether it is remembered or not."""
    tokens = _tokens(config)
    token = _issue(tokens)
    expires = tokens.verify(token).expires_at.timestamp()
    moment = now()

    for late, good in ((0, True), (1.9, True), (2, False), (3600, False)):
        monkeypatch.setattr(shared_auth, "now", lambda late=late: moment.fromtimestamp(expires + late, moment.tzinfo))
        if good:
            tokens.verify(token)
        else:
            with pytest.raises(Unauthenticated):
                tokens.verify(token)


def test_a_character_more_or_less_is_another_token(config: Config) -> None:
    tokens = _tokens(config)
    token = _issue(tokens)
    tokens.verify(token)

    for other in (token[:-1], token + "=", token + " ", token.swapcase(), token + "\ud800"):
        with pytest.raises(Unauthenticated):
            tokens.verify(other)


def test_what_is_remembered_is_bounded(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one used longest ago is forgotten, and good all the same."""
    monkeypatch.setattr(shared_auth, "MAX_VERIFIED", 3)
    tokens = _tokens(config)
    texts = [_issue(tokens) for _ in range(5)]
    remembered = [tokens.verify(text) for text in texts[:3]]
    assert tokens.verify(texts[0]) is remembered[0]

    for text in texts[3:]:
        tokens.verify(text)

    assert tokens.verify(texts[0]) is remembered[0]
    assert tokens.verify(texts[1]) is not remembered[1]
    assert tokens.verify(texts[1]) == remembered[1]
