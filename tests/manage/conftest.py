"""The command line beside the application of the mail tests, whose jobs are done when a test says so."""

from __future__ import annotations

import pytest

from tests.manage.commands import CommandLine
from tests.support.post import PostOffice
from tests.support.world import TestTenant, create_tenant


@pytest.fixture(scope="session")
def line(shared_office: PostOffice) -> CommandLine:
    """On the database of that application."""
    return CommandLine(shared_office.config)


@pytest.fixture
async def own(office: PostOffice) -> TestTenant:
    """A tenant of the test's own, served by that application."""
    return await create_tenant(office.http)
