"""What answers a request, as the route and what it puts around it see it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
