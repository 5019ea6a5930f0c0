"""A service of two processes on one port, started the way the container starts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.groups import Group, running_group
from tests.support.servers import Servers

WORKERS = 2


@contextmanager
def running_pair(servers: Servers, folder: Path) -> Iterator[Group]:
    """Start it on an empty database, which both processes prepare at the same time."""
    config = servers.config(servers.new_database(), log_level="info")
    with running_group(config, folder, workers=WORKERS) as started:
        yield started


@pytest.fixture(scope="module")
def group(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """One for the tests that leave it running."""
    with running_pair(servers, tmp_path_factory.mktemp("group")) as started:
        yield started
