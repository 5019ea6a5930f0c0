"""Tenants, people, and a look at what is really stored."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from tests.support.apps import registered, services_of
from tests.support.staff import Staff
from tests.support.world import TestTenant

Stored = Callable[[TestTenant], Coroutine[Any, Any, dict[UUID, int]]]


@pytest.fixture(params=["alpha", "beta"])
def twin(request: pytest.FixtureRequest, alpha: TestTenant, beta: TestTenant) -> TestTenant:
    """One twin, then the other."""
    return alpha if request.param == "alpha" else beta


@pytest.fixture
def other(twin: TestTenant, alpha: TestTenant, beta: TestTenant) -> TestTenant:
    """The one whose turn it is not."""
    return beta if twin is alpha else alpha


@pytest.fixture
def staff(twin: TestTenant, all_staff: dict[str, Staff]) -> Staff:
    """The people of that twin."""
    return all_staff[twin.name]


@pytest.fixture
def stored(app: FastAPI) -> Stored:
    """What lies in a tenant's folder of the storage: sizes by file."""

    async def look(tenant: TestTenant) -> dict[UUID, int]:
        name = (await registered(app, tenant.name)).name
        return {file.id: file.size async for file in services_of(app).storage.folder(name).list()}

    return look
