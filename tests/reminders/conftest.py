"""People and their reminders, in either twin of the post office."""

from __future__ import annotations

import pytest

from tests.reminders.stage import Stage
from tests.support.post import PostOffice
from tests.support.world import TestTenant


@pytest.fixture
def stage(office: PostOffice, branch: TestTenant) -> Stage:
    """One of the twins, with no mail under way."""
    return Stage(office, branch)
