"""PostgreSQL and Valkey for one test process, and databases on them."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from common.config import Config
from manage.embedded import EmbeddedPostgres, EmbeddedValkey

SHARED_MEMORY: Final = Path("/dev/shm")
SCRATCH_BYTES: Final = 6 * 1024**3

SECRET = "a secret of the test suite, long enough"
PLATFORM_KEY = "the platform key of the test suite, long enough"

MEMORY_KIB = 1024  # of a password's hash: there are thousands; tests.identity knows what a real one costs

# The tests' clusters live for minutes; waiting for the disk would only slow them down.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_numbers = itertools.count(1)


class Servers:
    """The servers of one test process."""

    def __init__(self, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, data: Path) -> None:
        self.postgres = postgres
        self.valkey = valkey
        self.data = data

    def new_database(self) -> str:
        """The owner's URL of a new, empty database."""
        name = f"test_{next(_numbers)}"
        self.postgres.create_database(name)
        return self.postgres.url(name)

    def config(self, database_url: str, **changes: Any) -> Config:
        """A configuration for a database on these servers."""
        values: dict[str, Any] = {
            "database_url": database_url,
            "redis_url": self.valkey.url,
            "secret_key": SECRET,
            "platform_api_key": PLATFORM_KEY,
            "environment": "development",
            "log_level": "warning",
            "cors_origins": ("https://app.example",),
            "data_dir": self.data,
            "password_memory_kib": MEMORY_KIB,
            "access_token_seconds": 3600,  # the people of all tests sign in once, and a slow machine takes its time
            "work_off_jobs": False,  # tests count statements; mails are sent where a test asks (support.post)
        }
        return Config(**(values | changes))


def _scratch() -> Path | None:
    """Where the clusters lie: in memory if there is plenty of it, which spares the suite a quarter of its time."""
    enough = SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK)
    return SHARED_MEMORY if enough and shutil.disk_usage(SHARED_MEMORY).free > SCRATCH_BYTES else None


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Start both servers in a folder of their own, and remove it with them.

    Not in pytest's temporary folder: that is closed to the user who runs PostgreSQL when the tests run as root.
    """
    with TemporaryDirectory(prefix="service-tests-", dir=_scratch()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder / "postgres", settings=FAST)
        with postgres, EmbeddedValkey(folder / "valkey") as valkey:
            yield Servers(postgres, valkey, folder / "data")
