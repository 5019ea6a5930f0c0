"""What is stored of a password may come from elsewhere, and be unreadable."""

from __future__ import annotations

import pytest

from common.config import Config
from tests.support.probes import owner_connection
from tests.support.world import PASSWORD, TestTenant


@pytest.mark.parametrize("stored", ["", "garbage", "$argon2id$v=19$m=19456,t=2,p=1$broken", "$2b$12$notabcrypthash"])
async def test_an_unreadable_hash_is_a_wrong_password(stored: str, config: Config, tenant: TestTenant) -> None:
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute("UPDATE users SET password_hash = $1", stored)

    answer = await tenant.anonymous.post("/auth/login", json={"username": "owner", "password": PASSWORD})

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
