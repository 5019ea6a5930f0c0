"""How uvicorn is told to serve the service, by whoever starts it; the image says the same."""

from __future__ import annotations

from typing import Final

UVICORN: Final = ("uvicorn", "main:app", "--http", "common.http.reception:BoundedHttp")  # behind ``python -m``
# The service writes its own access log, and believes X-Forwarded-For only from TRUSTED_PROXIES. Below 'warning' uvicorn
# writes lines that are not JSON; the service reports its own start.
QUIETLY: Final = ("--no-access-log", "--no-server-header", "--no-proxy-headers", "--log-level", "warning")
