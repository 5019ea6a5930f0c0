"""What the service says to PostgreSQL for a request, noted so that a bare application can say the same."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import event

import main
from common.config import Config
from common.ids import TenantName
from database import Scope

TIMEOUT_MS = 8000  # of a statement, the service's default


@dataclass(frozen=True, slots=True)
class Recording:
    """The statements of one request in order, with their values, and the message that opens their transaction."""

    opening: str
    statements: list[tuple[str, tuple[Any, ...]]]
    about: UUID | None  # the record in the request's path

    def of(self, about: UUID, fresh: UUID) -> list[tuple[str, tuple[Any, ...]]]:
        """The same about another record; the audit entry, which cannot be written twice, gets another id."""
        return [(sql, tuple(self._other(value, about, fresh) for value in values)) for sql, values in self.statements]

    def _other(self, value: Any, about: UUID, fresh: UUID) -> Any:
        if value == self.about:
            return about
        if not isinstance(value, str) or not value.startswith('[{"id"'):
            return value
        entry = value.replace(str(self.about), str(about))
        return f"{entry[:9]}{fresh}{entry[45:]}"


class Recorder:
    """The service inside this process, whose statements are noted."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient, tenant: TenantName) -> None:
        self._client = client
        self._scope = Scope(tenant.schema, tenant.schema)
        self._heard: list[tuple[str, tuple[Any, ...]]] = []
        engine = app.state.services.database.server.engine.sync_engine
        event.listen(engine, "before_cursor_execute", self._note)

    async def record(
        self, method: str, path: str, about: UUID | None = None, bodies: tuple[Any, Any] = (None, None)
    ) -> Recording:
        """Send the request twice, since a process' first look-ups are not the request's own, and note the second."""
        for body in bodies:
            self._heard.clear()
            answer = await self._client.request(method, path, json=body)
            answer.raise_for_status()
        opening = self._scope.opening(read_only=method == "GET", timeout_ms=TIMEOUT_MS)
        return Recording(opening, list(self._heard), about)

    def _note(self, _connection: Any, _cursor: Any, sql: str, values: Any, *_: Any) -> None:
        self._heard.append((sql, tuple(values)))


def record(
    environment: Mapping[str, str], headers: Mapping[str, str], requests: Mapping[str, tuple[Any, ...]], file: Path
) -> None:
    """Write down what each of the named requests (method, path, record, two bodies) says, for ``load``."""
    file.write_bytes(pickle.dumps(asyncio.run(_record_all(environment, headers, requests))))


async def _record_all(
    environment: Mapping[str, str], headers: Mapping[str, str], requests: Mapping[str, tuple[Any, ...]]
) -> dict[str, Recording]:
    values: dict[str, Any] = {name.lower(): value for name, value in environment.items()}
    app = main.create_app(Config(**{**values, "work_off_jobs": False, "log_level": "warning"}))
    tenant = TenantName.parse(headers["X-Tenant-ID"])
    assert tenant is not None
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside", headers=headers) as client,
    ):
        recorder = Recorder(app, client, tenant)
        return {name: await recorder.record(*request) for name, request in requests.items()}


def load(file: Path) -> dict[str, Recording]:
    """What was written down."""
    recordings: dict[str, Recording] = pickle.loads(file.read_bytes())  # noqa: S301 - written a moment ago
    return recordings
