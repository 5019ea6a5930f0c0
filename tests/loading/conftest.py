"""The command line beside the application of the mail tests, with tenants of each test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loading.monolith import write_folder
from tests.manage.commands import CommandLine
from tests.support.post import PostOffice
from tests.support.world import TestTenant, create_tenant


@pytest.fixture(scope="session")
def line(shared_office: PostOffice) -> CommandLine:
    """On the database of that application."""
    return CommandLine(shared_office.config)


@pytest.fixture
async def own(office: PostOffice) -> TestTenant:
    """A tenant with nobody but its owner."""
    return await create_tenant(office.http)


@pytest.fixture
async def neighbour(office: PostOffice) -> TestTenant:
    """Another one."""
    return await create_tenant(office.http)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of everything that can be loaded."""
    return write_folder(tmp_path / "old")
