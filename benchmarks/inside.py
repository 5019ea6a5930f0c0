"""The service inside this process, asked without a socket: for figures that depend on which cache answers."""

from __future__ import annotations

import re
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI

import main
from common.cache.two_level import Caches
from common.config import Config
from serving.services import Services

LOOKUPS: Final = re.compile(r'^cache_lookups_total\{[^}]*outcome="(\w+)"[^}]*\} (\S+)$', re.MULTILINE)


class Inside:
    """Sends one request again and again, with the caches as the figure wants them."""

    def __init__(self, app: FastAPI, path: str, headers: Mapping[str, str]) -> None:
        services: Services = app.state.services
        self._app = app
        self._path = path
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._caches: Caches = services.caches

    async def ask(self) -> float:
        """Seconds that one answer takes. Raises RuntimeError if it is a refusal."""
        started = time.perf_counter()
        await self._get(self._path)
        return time.perf_counter() - started

    def forget_near(self) -> None:
        """Empty what this process keeps; Redis' copies stay."""
        self._caches.start_generation(self._caches.generation)

    def begin_caching(self) -> None:
        """Cache from now on, from nothing."""
        self._caches.start_generation(secrets.token_hex(6))

    def end_caching(self) -> None:
        """Ask PostgreSQL for everything, every time, and Redis for nothing: as without a listener."""
        self._caches.stop_listening()

    async def count_lookups(self) -> Counter[str]:
        """How many look-ups ended how, ``l1``, ``l2`` or ``miss``, in all caches, as ``/metrics`` has it."""
        text = (await self._get("/metrics")).decode()
        counts = Counter[str]()
        for outcome, number in LOOKUPS.findall(text):
            counts[outcome] += int(float(number))
        return counts

    async def _get(self, path: str) -> bytes:
        statuses, parts = list[int](), list[bytes]()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            else:
                parts.append(message.get("body", b""))

        await self._app(self._scope(path), receive, send)
        if statuses != [200]:
            raise RuntimeError(f"{path} answered {statuses}")
        return b"".join(parts)

    def _scope(self, path: str) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": self._headers,
            "client": ("127.0.0.1", 1024),
            "server": ("127.0.0.1", 80),
            "state": {},
        }


@asynccontextmanager
async def running_inside(
    environment: Mapping[str, str], path: str, headers: Mapping[str, str], **changes: str
) -> AsyncIterator[Inside]:
    """The service, started with the configuration of the one outside, but for ``changes``; it logs no requests, since
    that would cost each kind of answer the same."""
    values: dict[str, Any] = {name.lower(): value for name, value in environment.items()}
    app = main.create_app(Config(**{**values, "work_off_jobs": False, "log_level": "warning", **changes}))
    async with app.router.lifespan_context(app):
        yield Inside(app, path, headers)
