"""The twins and their people."""

from __future__ import annotations

import pytest

from tests.support.staff import Staff
from tests.support.world import TestTenant


@pytest.fixture(params=["alpha", "beta"])
def twin(request: pytest.FixtureRequest, alpha: TestTenant, beta: TestTenant) -> TestTenant:
    """One twin, then the other."""
    return alpha if request.param == "alpha" else beta


@pytest.fixture
def staff(twin: TestTenant, all_staff: dict[str, Staff]) -> Staff:
    """The people of that twin."""
    return all_staff[twin.name]


@pytest.fixture
def neighbour(twin: TestTenant, all_staff: dict[str, Staff]) -> Staff:
    """The people of the other one."""
    return all_staff["tenant_beta" if twin.name == "tenant_alpha" else "tenant_alpha"]
