"""Two tenants that have been lived in, what is known of them, and people who go on writing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pyotp

from tests.support.uploads import upload
from tests.support.world import PASSWORD, Person, TestTenant, create_twin, sign_in

NAMES: Final = ("tenant_alpha", "tenant_beta")
LATER: Final = "a password of afterwards"
KEY: Final = "mail.password"
FLAG: Final = "new-look"
BEFORE: Final = 5  # writes that are done before the backup begins, and after it has ended


@dataclass(slots=True)
class Life:
    """What is known of a tenant besides its people."""

    tenant: TestTenant
    key: str = ""
    key_id: str = ""
    secret: str = ""
    totp: pyotp.TOTP | None = None
    checkpoint: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)

    @property
    def number(self) -> int:
        """How many writes were acknowledged."""
        return len(self.written)


async def begin(http: httpx.AsyncClient, name: str) -> Life:
    """A tenant with something of everything in it."""
    life = Life(await create_twin(http, name))
    tenant, owner = life.tenant, life.tenant.owner
    life.secret = f"hush {tenant.canary}"
    key = await made(owner.post("/users/api-keys", json={"name": "a program", "permissions": ["notes:read"]}))
    life.key, life.key_id = key["key"], key["id"]
    await made(owner.post("/settings", json={"key": KEY, "value": life.secret, "value_type": "secret"}))
    variants = {"variants": {"on": True, "off": False}, "default_variant": "on"}
    await made(owner.post("/settings/feature-flags", json={"key": FLAG, **variants}))
    note = await made(owner.post("/tools/notes", json={"title": tenant.canary}))
    await made(owner.post("/tools/tasks", json={"title": tenant.canary}))
    for content in (b"", tenant.canary.encode() * 100_000, b"twins"):
        await keep(life, content, parent_type="note", parent_id=note["id"])
    life.totp = await turn_on(tenant.people["admin"])
    asked = await tenant.anonymous.post("/auth/password/forgot", json={"email": tenant.people["viewer"].email})
    assert asked.status_code == 202, asked.text
    life.checkpoint = (await owner.get("/settings/audit-logs/checkpoint")).json()
    return life


async def made(answer: Any) -> dict[str, Any]:
    """What was created."""
    response = await answer
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


async def keep(life: Life, content: bytes, **fields: Any) -> None:
    """An attachment, and the checksum of what it holds."""
    attachment = await upload(life.tenant.owner, content, **fields)
    life.files[attachment["id"]] = hashlib.sha256(content).hexdigest()


async def turn_on(person: Person) -> pyotp.TOTP:
    """A second factor."""
    totp = pyotp.TOTP((await person.api.post("/auth/mfa/totp")).json()["secret"])
    confirmed = await person.api.post("/auth/mfa/totp/confirm", json={"code": totp.now()})
    assert confirmed.status_code == 200, confirmed.text
    return totp


async def write(life: Life, stop: asyncio.Event) -> None:
    """Notes and files without a pause, one after the other, each remembered when it was acknowledged."""
    while not stop.is_set():
        title = f"write {life.number}"
        await made(life.tenant.owner.post("/tools/notes", json={"title": title}))
        await keep(life, f"{title} of {life.tenant.name}".encode())
        life.written.append(title)


@asynccontextmanager
async def writing(lives: list[Life]) -> AsyncIterator[None]:
    """Somebody writes in each tenant, before the block, throughout it, and after it."""
    stop = asyncio.Event()
    writers = [asyncio.create_task(write(life, stop)) for life in lives]
    try:
        await more(lives, writers)
        yield
        await more(lives, writers)
    finally:
        stop.set()
        await asyncio.gather(*writers)


async def more(lives: list[Life], writers: list[asyncio.Task[None]]) -> None:
    """Until each has written some more."""
    enough = {life.tenant.name: life.number + BEFORE for life in lives}
    while any(life.number < enough[life.tenant.name] for life in lives):
        assert not any(writer.done() for writer in writers), writers
        await asyncio.sleep(0.01)


async def go_on(http: httpx.AsyncClient, life: Life) -> Person:
    """What happens after the backup, and is not to have happened. Answers who logged in."""
    people, owner = life.tenant.people, life.tenant.owner
    body = {"refresh_token": people["member"].tokens["refresh_token"]}
    refreshed = await life.tenant.anonymous.post("/auth/refresh", json=body)
    assert refreshed.status_code == 200, refreshed.text
    people["member"].tokens["later"] = refreshed.json()["refresh_token"]
    ended = [
        await people["manager"].api.post("/auth/logout"),
        await owner.delete(f"/users/api-keys/{life.key_id}"),
        await people["viewer"].api.post(
            "/auth/password/change", json={"current_password": PASSWORD, "new_password": LATER}
        ),
    ]
    assert [answer.status_code for answer in ended] == [204] * 3, [answer.text for answer in ended]
    return await sign_in(http, life.tenant, "owner")
