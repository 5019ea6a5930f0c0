"""A client's way through a running service, over HTTP: two fresh tenants that must not see each other.

``python tests/test_integration.py`` asks a service that runs already, such as the one of ``make run``, and prints one
line a step; its exit code says whether all went well. Under pytest the same steps meet a service of their own.
The tenants stay behind: run it where that does no harm.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:  # run as a program, this file knows nothing of the packages around it
    from tests.support.servers import Servers

ROOT: Final = Path(__file__).resolve().parents[1]
DEFAULT_URL: Final = "http://127.0.0.1:8008"
PASSWORD: Final = "a sentence made for this one run"
PATIENCE: Final = 300.0  # seconds until a service that was started must be ready

Say = Callable[[str], None]


class StepFailed(AssertionError):
    """The service answered something else than it should."""


class Client:
    """One person of one tenant."""

    def __init__(self, http: httpx.Client, tenant: str) -> None:
        self.tenant = tenant
        self.tokens: dict[str, Any] = {}
        self._http = http

    def call(self, method: str, path: str, status: int, *, body: object = None, **headers: str) -> Any:
        """Send a request; the answer's body. Raises StepFailed when the status is another."""
        sent = {"X-Tenant-ID": self.tenant, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.tokens:
            sent.setdefault("Authorization", f"Bearer {self.tokens['access_token']}")
        answer = self._http.request(method, f"/api/v1{path}", headers=sent, json=body)
        if answer.status_code != status:
            raise StepFailed(f"{method} {path} answered {answer.status_code}, not {status}: {answer.text[:300]}")
        return answer.json() if answer.content else None

    def create_tenant(self, platform_key: str) -> None:
        """Make the tenant and its owner."""
        admin = {"email": "owner@integration.example", "username": "owner", "password": PASSWORD}
        body = {"name": "Integration test", "admin": admin}
        made = self.call("POST", "/auth/initialize-tenant", 201, body=body, X_Platform_Key=platform_key)
        expect(made["tenant_id"], self.tenant)

    def log_in(self) -> None:
        """Sign the owner in."""
        self.tokens = self.call("POST", "/auth/login", 200, body={"username": "owner", "password": PASSWORD})

    def usernames(self) -> list[str]:
        """Who is in the tenant."""
        return sorted(user["username"] for user in self.call("GET", "/users", 200)["items"])


def expect(found: object, expected: object) -> None:
    """Raise StepFailed unless both are equal."""
    if found != expected:
        raise StepFailed(f"found {found!r}, expected {expected!r}")


def walk(http: httpx.Client, platform_key: str, say: Say) -> None:
    """All steps, each reported. Raises StepFailed at the first that goes wrong."""
    name = f"tenant_integration_{secrets.token_hex(6)}"
    one, other = Client(http, name), Client(http, f"{name}_other")

    @contextmanager
    def step(sentence: str) -> Iterator[None]:
        try:
            yield
        except (StepFailed, httpx.HTTPError) as error:
            say(f"FAIL  {sentence}: {error}")
            raise
        say(f"ok    {sentence}")

    with step(f"create the tenant {name}"):
        one.create_tenant(platform_key)
    with step("log in"):
        one.log_in()
    with step("ask who is signed in"):
        expect(one.call("GET", "/auth/me", 200)["tenant_id"], one.tenant)
    with step("list users"):
        expect(one.usernames(), ["owner"])
    with step("create a user"):
        maria = {"email": "maria@integration.example", "username": "maria"}
        user_id = one.call("POST", "/users", 201, body=maria)["id"]
        expect(one.usernames(), ["maria", "owner"])
    with step("change the user"):
        changed = one.call("PATCH", f"/users/{user_id}", 200, body={"full_name": "Maria P."}, If_Match='"v1"')
        expect((changed["full_name"], changed["version"]), ("Maria P.", 2))
        one.call("PATCH", f"/users/{user_id}", 412, body={"full_name": "Lost"}, If_Match='"v1"')
    with step(f"create the tenant {other.tenant}, which sees nothing of it"):
        other.create_tenant(platform_key)
        other.log_in()
        expect(other.usernames(), ["owner"])
        for method in ("GET", "DELETE"):
            other.call(method, f"/users/{user_id}", 404)
        other.call("GET", f"/users/{user_id}", 403, X_Tenant_ID=one.tenant)
    with step("delete the user"):
        one.call("DELETE", f"/users/{user_id}", 204)
        one.call("GET", f"/users/{user_id}", 404)
    with step("refresh the tokens"):
        body = {"refresh_token": one.tokens["refresh_token"]}
        one.tokens = one.call("POST", "/auth/refresh", 200, body=body)
        expect(one.call("GET", "/auth/test", 200)["tenant_id"], one.tenant)
    with step("log out, which ends both tokens at once"):
        one.call("POST", "/auth/logout", 204)
        one.call("GET", "/auth/me", 401)
        one.call("POST", "/auth/refresh", 401, body={"refresh_token": one.tokens["refresh_token"]})
    with step("the other tenant is still signed in"):
        expect(other.usernames(), ["owner"])


# -- Under pytest: a service of its own -----------------------------------------------------------------------------


def test_a_client_finds_its_way_through_a_running_service(servers: Servers, tmp_path: Path) -> None:
    lines: list[str] = []

    with running_service(servers, tmp_path / "service.log") as (url, platform_key), httpx.Client(base_url=url) as http:
        walk(http, platform_key, lines.append)

    assert len(lines) == 11
    assert [line for line in lines if not line.startswith("ok ")] == []


def test_a_step_that_fails_ends_the_walk_and_says_why() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"code": "platform_key_invalid"})

    lines: list[str] = []
    with httpx.Client(base_url=DEFAULT_URL, transport=httpx.MockTransport(refuse)) as http:
        code = report(http, "no key", lines.append)

    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith("FAIL  create the tenant")
    assert "answered 401, not 201" in lines[0]


def test_without_a_service_there_is_a_sentence_instead_of_a_traceback() -> None:
    lines: list[str] = []
    with httpx.Client(base_url=f"http://127.0.0.1:{free_port()}") as http:
        code = report(http, "any key", lines.append)

    assert code == 1
    assert lines == [f"Nothing answers at {http.base_url}: start the service (`make run`) or name another with --url."]


@contextmanager
def running_service(
    servers: Servers, log: Path, more: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[str, str]]:
    """A service in a process of its own, stopped the way orchestrators do it; its URL and platform key. ``more`` is
    added to its environment."""
    config = servers.config(servers.new_database())
    assert config.platform_api_key is not None
    assert config.redis_url is not None
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "ENVIRONMENT": config.environment,
        "DATABASE_URL": config.database_url.get_secret_value(),
        "REDIS_URL": config.redis_url.get_secret_value(),
        "SECRET_KEY": config.secret_key.get_secret_value(),
        "PLATFORM_API_KEY": config.platform_api_key.get_secret_value(),
        "DRAIN_SECONDS": "0",  # no load balancer has to notice
        **more,
    }
    listening = ["--http", "common.http.reception:BoundedHttp", "--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", "uvicorn", "main:app", *listening]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process, log)
        yield url, config.platform_api_key.get_secret_value()
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
    # Having stopped in order, uvicorn ends by the signal it was asked with, as a shell expects of a program.
    assert code in {0, -signal.SIGTERM}, log.read_text()
    assert "LOG_LEVEL" in more or "service_stopped" in log.read_text()
    assert '"level":"error"' not in log.read_text()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(base_url=url, trust_env=False) as http:
        while time.monotonic() < deadline:
            assert process.poll() is None, log.read_text()
            try:
                if http.get("/readiness").status_code == 200:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.05)
    raise AssertionError(log.read_text())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- As a program ---------------------------------------------------------------------------------------------------


def report(http: httpx.Client, platform_key: str, say: Say) -> int:
    """Walk; the exit code."""
    try:
        http.get("/health")
    except httpx.TransportError:
        say(f"Nothing answers at {http.base_url}: start the service (`make run`) or name another with --url.")
        return 1
    try:
        walk(http, platform_key, say)
    except (StepFailed, httpx.HTTPError):
        return 1
    return 0


def known_platform_key() -> str | None:
    """The environment's, else the one ``make run`` keeps."""
    if given := os.environ.get("PLATFORM_API_KEY"):
        return given
    kept = Path(os.environ.get("DATA_DIR") or ROOT / ".data") / "secrets.env"
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    return next(
        (value for line in lines for name, _, value in [line.partition("=")] if name == "PLATFORM_API_KEY"), None
    )


def run_as_program() -> int:
    """Read the command line, walk, answer the exit code."""
    parser = argparse.ArgumentParser(description="Walk through a running System Service as a client.")
    parser.add_argument("--url", default=DEFAULT_URL, help="its root (%(default)s)")
    parser.add_argument("--platform-key", help="default: PLATFORM_API_KEY, else what `make run` keeps in DATA_DIR")
    options = parser.parse_args()
    key = options.platform_key or known_platform_key()
    if key is None:
        parser.error("there is no platform key: give --platform-key or set PLATFORM_API_KEY")
    with httpx.Client(base_url=options.url, timeout=30, trust_env=False) as http:
        return report(http, key, lambda line: print(line, flush=True))  # noqa: T201 - a program's output


if __name__ == "__main__":
    sys.exit(run_as_program())
