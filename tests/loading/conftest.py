"""The command line beside the application of the mail tests, with tenants of each test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loading.monolith import write_folder
from tests.manage.conftest import line, own
from tests.support.post import PostOffice
from tests.support.world import TestTenant, create_tenant

__all__ = ["folder", "line", "neighbour", "own"]


@pytest.fixture
async def neighbour(office: PostOffice) -> TestTenant:
    """Another one."""
    return await create_tenant(office.http)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of everything that can be loaded."""
    return write_folder(tmp_path / "old")
