"""Requests that no HTTP client would send: straight to the application, as a server hands them over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from starlette.types import Message


@dataclass(slots=True)
class RawAnswer:
    """What the application sent."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    body_was_read: bool = False

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


async def send_raw(
    app: FastAPI, method: str, path: str, *, headers: Mapping[str, str], query: bytes = b"", body: bytes = b""
) -> RawAnswer:
    """Send one request whose path is decoded already and whose query is bytes."""
    answer = RawAnswer()

    async def receive() -> Message:
        if answer.body_was_read:
            await asyncio.Event().wait()  # the client stays connected and sends nothing more
        answer.body_was_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message["headers"])
        answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("203.0.113.7", 40000),
        "server": ("service.test", 80),
    }
    await app(scope, receive, send)
    return answer
