"""A hook of schemathesis for operations that end their caller's session: each request gets a session of its own."""

from __future__ import annotations

import os
from typing import Any

import httpx
import schemathesis


@schemathesis.auth(refresh_interval=None)
class NewSession:
    """Logs in before every request. What it needs is in the environment of the run."""

    def get(self, _case: Any, _context: Any) -> str:
        """An access token of a session that nobody has ended."""
        answer = httpx.post(
            f"{os.environ['FUZZED_URL']}/api/v1/auth/login",
            headers={"X-Tenant-ID": os.environ["FUZZED_TENANT"]},
            json={"username": os.environ["FUZZED_USER"], "password": os.environ["FUZZED_PASSWORD"]},
            trust_env=False,
        )
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def set(self, case: Any, data: str, _context: Any) -> None:
        """Send it."""
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}
