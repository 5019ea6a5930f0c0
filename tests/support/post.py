"""An application whose mails are delivered when a test says so: no worker runs beside it."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from fastapi import FastAPI

import main
from common.config import Config
from common.outbox.worker import OutboxWorker
from migrations.startup import Startup
from tests.support.apps import services_of
from tests.support.probes import owner_connection
from tests.support.servers import Servers
from tests.support.world import TestTenant, client_of

APP = "https://app.example/portal"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that was delivered."""

    message: EmailMessage

    @classmethod
    def read(cls, data: bytes) -> Letter:
        """From the bytes that were sent."""
        message = email.message_from_bytes(data, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return cls(message)

    @property
    def to(self) -> str:
        """The one address it goes to."""
        (address,) = self.message["To"].addresses
        return str(address.addr_spec)

    @property
    def subject(self) -> str:
        """Its subject."""
        return str(self.message["Subject"])

    def body(self, kind: str = "plain") -> str:
        """Its text, or with ``html`` the same as HTML."""
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content())

    @property
    def link(self) -> str:
        """The one address in the text."""
        (link,) = re.findall(r"https?://\S+", self.body())
        return str(link)

    @property
    def page(self) -> str:
        """Where the link leads, without its parameters."""
        return self.link.partition("?")[0].removeprefix(APP)

    @property
    def token(self) -> str:
        """The link's secret."""
        return parse_qs(urlsplit(self.link).query)["token"][0]


class PostOffice:
    """The application, and the jobs it has ordered."""

    def __init__(self, app: FastAPI, http: httpx.AsyncClient, config: Config) -> None:
        self.app = app
        self.http = http
        self.config = config
        self.folder = config.data_dir / "mail"
        self.worker = new_worker(app)

    async def deliver(self) -> list[Letter]:
        """Do every due job; answers the mails that came of them, oldest first."""
        while await self.worker.run_once():
            pass
        letters = []
        for path in sorted(self.folder.glob("*.eml")):
            letters.append(Letter.read(path.read_bytes()))
            path.unlink()
        return letters

    async def clear(self) -> None:
        """Throw away every job and every mail that a test before left under way."""
        async with owner_connection(self.config, "system") as owner:
            await owner.execute("DELETE FROM outbox")
        for path in self.folder.glob("*.eml"):
            path.unlink()

    async def letter(self, to: str) -> Letter:
        """Deliver, and answer the one mail that went to this address."""
        (letter,) = [letter for letter in await self.deliver() if letter.to == to]
        return letter

    async def jobs(self) -> list[dict[str, Any]]:
        """What waits in the outbox."""
        async with owner_connection(self.config, "system") as owner:
            rows = await owner.fetch("SELECT kind, status, attempts, last_error, payload FROM outbox ORDER BY id")
        return [dict(row) for row in rows]

    async def skip_waits(self) -> None:
        """Have what waits for its next attempt, or for the end of its lease, be due now."""
        async with owner_connection(self.config, "system") as owner:
            await owner.execute("UPDATE outbox SET run_at = now(), locked_until = NULL WHERE status = 'pending'")


def new_worker(app: FastAPI) -> OutboxWorker:
    """A worker of the application, which does nothing by itself."""
    services = services_of(app)
    handlers = {kind: partial(handler, services) for kind, handler in main.JOB_HANDLERS.items()}
    return OutboxWorker(services.database.system_bookkeeping, handlers, tracer=services.tracing.tracer)


@asynccontextmanager
async def post_office(servers: Servers, folder: Path, **changes: Any) -> AsyncIterator[PostOffice]:
    """An application with a database of its own. Its lifespan does not run, and with it no worker."""
    settings = {"data_dir": folder, "app_base_url": APP, "open_requests_per_address": 100_000}
    config = servers.config(servers.new_database(), **(settings | changes))
    await Startup(config).run()
    app = main.create_app(config)
    async with client_of(app) as http:
        yield PostOffice(app, http, config)
    services = services_of(app)
    await services.caches.redis.close()
    await services.database.close()
    services.passwords.close()


async def entries(config: Config, tenant: TestTenant, action: str) -> list[dict[str, Any]]:
    """The audit entries of an action, oldest first."""
    async with owner_connection(config, tenant.name) as owner:
        rows = await owner.fetch("SELECT * FROM audit_logs WHERE action = $1 ORDER BY seq", action)
    return [dict(row) for row in rows]
