"""People whose passwords may be changed."""

from __future__ import annotations

import itertools

import pytest

from tests.support.post import PostOffice
from tests.support.world import Person, TestTenant, add_person

_numbers = itertools.count(1)


@pytest.fixture
async def person(office: PostOffice, branch: TestTenant) -> Person:
    """A new member of the branch, whose first mail has been read."""
    person = await add_person(office.http, branch, "member", f"forgetful{next(_numbers)}")
    await office.deliver()
    return person


async def log_in(branch: TestTenant, person: Person, password: str) -> int:
    """Try a password."""
    answer = await branch.anonymous.post("/auth/login", json={"username": person.username, "password": password})
    return answer.status_code
