"""The Python of docs/quickstart-service.md, as it stands there, against a running service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI

from manage.keys import rotate_key
from tests.docs.documents import ROOT, code_to_run
from tests.support.apps import running
from tests.support.listening import listening
from tests.support.servers import Servers
from tests.support.world import API, PASSWORD, TestTenant

VERIFYING, SENDING = code_to_run(ROOT / "docs/quickstart-service.md", "python")


def run_block(text: str, service: str) -> dict[str, Any]:
    """The names that a block defines, with our service in place of the one that it names."""
    names: dict[str, Any] = {}
    exec(compile(text.replace("http://127.0.0.1:8008", service), "quickstart", "exec"), names)
    return names


class LosesAnswers(httpx.HTTPTransport):
    """A network that carries every request to the service, and loses the first answers."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self.left = lost

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry it."""
        answer = super().handle_request(request)
        if self.left:
            self.left -= 1
            answer.read()
            raise httpx.ReadError("the answer was lost")
        return answer


async def test_a_foreign_library_verifies_tokens_without_asking(
    servers: Servers, app: FastAPI, alpha: TestTenant, beta: TestTenant, tmp_path: Path
) -> None:
    update = {"jwt_algorithm": "ES256", "jwt_private_key_file": tmp_path / "key.pem"}
    config = app.state.services.config.model_copy(update=update)
    rotate_key(config)
    async with running(config) as (other, client), listening(other) as service:
        verified: Callable[[str], dict[str, object]] = run_block(VERIFYING, service)["verified"]
        for tenant in (alpha, beta):
            body = {"username": "owner", "password": PASSWORD}
            login = await client.post(f"{API}/auth/login", json=body, headers={"X-Tenant-ID": tenant.name})
            token = login.json()["access_token"]

            claims = await asyncio.to_thread(verified, token)
            assert (claims["tenant_id"], claims["sub"]) == (tenant.name, tenant.people["owner"].id)

            head, payload, signature = token.split(".")
            for forged in (f"{head}.{payload}.{signature[::-1]}", tenant.people["owner"].tokens["access_token"]):
                with pytest.raises(jwt.PyJWTError):
                    await asyncio.to_thread(verified, forged)


async def test_what_creates_is_sent_again_and_done_once(base: str, alpha: TestTenant, beta: TestTenant) -> None:
    names = run_block(SENDING, base)
    waits: list[float] = []
    names["time"] = SimpleNamespace(sleep=waits.append)
    for tenant in (alpha, beta):
        title = f"sent again in {tenant.name}"
        with httpx.Client(base_url=base, transport=LosesAnswers(2), headers=tenant.owner.headers) as client:
            answer = await asyncio.to_thread(names["send"], client, "POST", f"{API}/tools/notes", json={"title": title})

        assert answer.status_code == 201
        assert answer.headers["Idempotency-Replayed"] == "true"
        found = await tenant.owner.get("/tools/notes", params={"q": title})
        assert [note["id"] for note in found.json()["items"]] == [answer.json()["id"]]
    assert waits == [1, 1, 1, 1]


async def test_a_network_that_never_answers_is_told(base: str, alpha: TestTenant) -> None:
    send = run_block(SENDING, base)["send"]
    client = httpx.Client(base_url=base, transport=LosesAnswers(9), headers=alpha.owner.headers)
    with client, pytest.raises(httpx.ReadError):
        await asyncio.to_thread(send, client, "GET", f"{API}/auth/test", tries=1)
