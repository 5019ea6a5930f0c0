"""How many rounds a race has."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def all_rounds() -> int | None:
    """How many rounds every race has, if somebody has said so."""
    given = os.environ.get("ROUNDS")
    return int(given) if given else None
