"""Who is in the tests of reviews: the twins, the branches with a post office, their staff, and customers."""

from __future__ import annotations

import pytest

from tests.support.post import PostOffice
from tests.support.staff import Staff, hire
from tests.support.world import Api, TestTenant


@pytest.fixture(params=["alpha", "beta"])
def twin(request: pytest.FixtureRequest, alpha: TestTenant, beta: TestTenant) -> TestTenant:
    """One twin, then the other."""
    return alpha if request.param == "alpha" else beta


@pytest.fixture
def staff(twin: TestTenant, all_staff: dict[str, Staff]) -> Staff:
    """The people of that twin."""
    return all_staff[twin.name]


@pytest.fixture
def visitor(office: PostOffice) -> Api:
    """A customer's browser, which knows no header to send."""
    return Api(office.http, {})


@pytest.fixture(scope="session")
async def crews(shared_office: PostOffice, branches: dict[str, TestTenant]) -> dict[str, Staff]:
    """The staff of both branches."""
    http, config = shared_office.http, shared_office.config
    return {branch.name: await hire(http, config, branch) for branch in branches.values()}


@pytest.fixture
def crew(branch: TestTenant, crews: dict[str, Staff]) -> Staff:
    """The staff of the branch."""
    return crews[branch.name]
