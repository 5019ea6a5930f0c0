"""The shared application behind a real socket, for clients that bring their own HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from tests.support.listening import listening


@pytest.fixture(scope="session")
async def base(app: FastAPI) -> AsyncIterator[str]:
    """Its address."""
    async with listening(app) as address:
        yield address


@pytest.fixture
async def wire(base: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that reads answers while they are being sent."""
    async with httpx.AsyncClient(base_url=base) as client:
        yield client
