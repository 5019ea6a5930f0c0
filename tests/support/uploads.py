"""Uploading a file, as tests do it."""

from __future__ import annotations

import json
from typing import Any, Final

import httpx

from tests.support.world import Api

ATTACHMENTS: Final = "/tools/attachments"


def form(content: bytes, name: str = "file.txt", declared: str = "text/plain", **fields: Any) -> dict[str, Any]:
    """A form with a file, as httpx takes it; what is no text becomes JSON."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
    return {"files": {"file": (name, content, declared)}, "data": texts}


async def upload(api: Api, content: bytes, name: str = "file.txt", **fields: Any) -> dict[str, Any]:
    """A new attachment."""
    answer = await api.post(ATTACHMENTS, **form(content, name, **fields))
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def download(api: Api, attachment: dict[str, Any], **headers: str) -> httpx.Response:
    """Its content."""
    return await api.get(f"{ATTACHMENTS}/{attachment['id']}/content", headers=headers)
