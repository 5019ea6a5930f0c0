"""An installation as docs/operations.md sets one up, and the commands of docs/backup.md, run as they stand."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from common.config import Config
from manage.embedded import EmbeddedPostgres, EmbeddedValkey
from manage.embedded.account import account_for
from tests.docs.documents import ROOT, code_to_run
from tests.support.apps import connect
from tests.support.servers import FAST, MEMORY_KIB, PLATFORM_KEY, SECRET

DOCUMENT: Final = ROOT / "docs" / "backup.md"
DATABASE: Final = "multitenant_db"
OWNER, LOGIN = "system_owner", "system_login"
OWNER_PASSWORD, LOGIN_PASSWORD = "owner's $$ word", "login's $$ word"
SETTINGS_KEY: Final = "the settings key of the test suite, long enough"


@dataclass(frozen=True, slots=True)
class Installation:
    """A PostgreSQL server, a Valkey and a folder for files; ``backup`` is where it is saved to, or restored from."""

    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    data: Path
    backup: Path

    @property
    def config(self) -> Config:
        """The service's configuration."""
        return Config.model_validate({name.lower(): value for name, value in self._variables.items()} | QUICK)

    @property
    def environment(self) -> dict[str, str]:
        """What an operator has set; this Python and its PostgreSQL come first."""
        first = (str(Path(sys.executable).parent), str(self.postgres.bin_dir), os.environ["PATH"])
        admin = {"ADMIN_URL": self.postgres.url(), "BACKUP": str(self.backup)}
        return {"PATH": os.pathsep.join(first), "HOME": "/nonexistent", **self._variables, **admin}

    @property
    def _variables(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.url(DATABASE, user=LOGIN, password=LOGIN_PASSWORD),
            "DATABASE_OWNER_URL": self.postgres.url(DATABASE, user=OWNER, password=OWNER_PASSWORD),
            "REDIS_URL": self.valkey.url,
            "SECRET_KEY": SECRET,
            "SETTINGS_KEY": SETTINGS_KEY,
            "PLATFORM_API_KEY": PLATFORM_KEY,
            "DATA_DIR": str(self.data),
            "ENVIRONMENT": "development",
            "WORK_OFF_JOBS": "false",
        }

    async def set_up(self) -> None:
        """Owner and database, as an administrator makes them; the service makes its login role itself."""
        async with connect(self.postgres.url()) as superuser:
            password = OWNER_PASSWORD.replace("'", "''")
            await superuser.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD '{password}'")
            await superuser.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")

    async def set_passwords(self) -> None:
        """What an administrator does after a backup without any."""
        async with connect(self.postgres.url()) as superuser:
            for role, password in ((OWNER, OWNER_PASSWORD), (LOGIN, LOGIN_PASSWORD)):
                quoted = password.replace("'", "''")
                await superuser.execute(f"ALTER ROLE {role} PASSWORD '{quoted}'")

    async def follow(self, kind: str, change: tuple[str, str] | None = None, *, as_owner: bool = False) -> str:
        """Run the block of the document that is marked so, and answer what it prints. ``change`` is what the document
        tells some to write instead."""
        (commands,) = code_to_run(DOCUMENT, kind)
        if change is not None:
            assert change[0] in commands
            commands = commands.replace(*change)
        more = {"ADMIN_URL": self.environment["DATABASE_OWNER_URL"]} if as_owner else {}
        return await asyncio.to_thread(run, commands, {**self.environment, **more})


QUICK: Final[dict[str, Any]] = {
    "log_level": "warning",
    "password_memory_kib": MEMORY_KIB,
    "access_token_seconds": 3600,
    "open_requests_per_address": 100_000,
}


def run(commands: str, environment: dict[str, str], **options: Any) -> str:
    """A block, pasted into a shell."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        ["bash", "-c", commands],
        cwd=options.pop("cwd", ROOT),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
        **options,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@contextmanager
def machine(backup: Path) -> Iterator[Installation]:
    """Empty servers, which go with all their files."""
    with _folder() as folder, _servers(folder / "postgres", folder) as (postgres, valkey):
        yield Installation(postgres, valkey, folder / "data", backup)


@contextmanager
def machine_of_base_backup(backup: Path) -> Iterator[Installation]:
    """A server on what a base backup has; the commands are run by the user that PostgreSQL runs as."""
    with _folder() as folder:
        home, account = folder / "home", account_for(folder / "postgres")
        home.mkdir()
        account.hand_over(home)
        for path in (backup, *backup.rglob("*")):
            account.hand_over(path)
        (commands,) = code_to_run(DOCUMENT, "base restore")
        environment = {"PATH": os.environ["PATH"], "PGDATA": str(home / "postgres"), "BACKUP": str(backup)}
        run(commands, environment, cwd="/", **account.run_as)
        with _servers(home / "postgres", folder) as (postgres, valkey):
            yield Installation(postgres, valkey, folder / "data", backup)


@contextmanager
def _servers(cluster: Path, folder: Path) -> Iterator[tuple[EmbeddedPostgres, EmbeddedValkey]]:
    with EmbeddedPostgres(cluster, settings=FAST) as postgres, EmbeddedValkey(folder / "valkey") as valkey:
        yield postgres, valkey


@contextmanager
def _folder() -> Iterator[Path]:
    """Short, and open to the user that runs PostgreSQL."""
    folder = Path(tempfile.mkdtemp(prefix="ss-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
