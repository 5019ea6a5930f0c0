"""The demonstration tenant, made through the same API that everybody uses, and what the terminal says about it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

TENANT = "tenant_demo"
ADMIN = {"email": "admin@demo.example", "username": "admin", "full_name": "Demo Administrator"}
REQUEST_SECONDS = 30  # creating a tenant migrates a schema


@dataclass(frozen=True)
class Address:
    """Where the service answers a client on this machine."""

    host: str
    port: int

    @classmethod
    def of(cls, host: str, port: int) -> Address:
        """A listen address as a client writes it: every address means this machine's own."""
        return cls({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104 - compared, not listened on

    @property
    def url(self) -> str:
        """The service's root, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Status and text of one request; OSError while nobody listens. No proxy is asked: this is the own machine."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=REQUEST_SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        finally:
            connection.close()


def wait_until_ready(address: Address, is_alive: Callable[[], bool], patience: float = 60) -> bool:
    """Poll /readiness; False when the service ends first or the patience does."""
    deadline = time.monotonic() + patience
    while is_alive() and time.monotonic() < deadline:
        try:
            if address.request("GET", "/readiness")[0] == http.client.OK:
                return True
        except (OSError, http.client.HTTPException):
            pass  # not listening yet
        time.sleep(0.05)
    return False


def create_demo_tenant(address: Address, platform_key: str, password: str) -> str | None:
    """Create the tenant unless it exists. Returns what went wrong, as one sentence."""
    headers = {"X-Platform-Key": platform_key, "X-Tenant-ID": TENANT}
    body = {"name": "Demo", "admin": {**ADMIN, "password": password}}
    try:
        status, text = address.request("POST", "/api/v1/auth/initialize-tenant", body, headers)
    except (OSError, http.client.HTTPException) as error:
        return f"The demo tenant could not be created: {error}"
    if status in {http.client.CREATED, http.client.CONFLICT}:
        return None
    return f"The demo tenant could not be created: the service answered {status} {text[:300]}"


def demo_lines(address: Address, password: str) -> list[str]:
    """How to log in, with a command that can be pasted."""
    body = json.dumps({"username": ADMIN["username"], "password": password}, separators=(",", ":"))
    return [
        f"  Tenant        {TENANT}   (header X-Tenant-ID)",
        f"  User          {ADMIN['username']}   ({ADMIN['email']})",
        f"  Password      {password}   (as first created)",
        "",
        "  Log in:",
        f"    curl -s {address.url}/api/v1/auth/login -H 'X-Tenant-ID: {TENANT}' \\",
        f"      -H 'Content-Type: application/json' -d '{body}'",
    ]
