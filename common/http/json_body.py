"""JSON bodies are UTF-8 (RFC 8259 section 8.1). Python's reader guesses, and would also take UTF-16 and UTF-32, which
whatever inspects requests in front of the service does not read."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request


class JsonRequest(Request):
    """A request whose JSON is UTF-8, with or without a byte order mark."""

    async def json(self) -> Any:
        """The decoded body. Raises UnicodeDecodeError or JSONDecodeError, both ValueErrors."""
        if not hasattr(self, "_json"):
            self._json = json.loads((await self.body()).decode("utf-8-sig"))
        return self._json
