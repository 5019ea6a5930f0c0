"""PostgreSQL in every version this machine has, and databases on it whose owner is no superuser."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from common.audit import Origin
from common.config import Config
from common.ids import TenantName
from database import SYSTEM_ROLE
from manage.embedded import EmbeddedPostgres, postgres_bin_dir
from migrations.provision import TenantProvisioner
from migrations.shared_rights import TENANTS_ROLE
from serving.services import NewOwner
from tests.support.apps import connect
from tests.support.servers import FAST, SECRET

NEWEST: Final = 18
OWNER: Final = "keeper"  # no superuser; may create roles
SERVICE_PASSWORD: Final = "service $$ word"
_numbers = itertools.count(1)


def installed_versions() -> dict[int, Path]:
    """The executables of each major version: two from the wheel, others from the distribution's packages."""
    found = {
        int(folder.parent.name): folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if (folder / "initdb").exists() and 13 <= int(folder.parent.name) <= NEWEST
    }
    return found | {version: postgres_bin_dir(version) for version in (16, NEWEST)}


@contextmanager
def cluster(version: int) -> Iterator[EmbeddedPostgres]:
    """A running server of this major version."""
    folder = Path(tempfile.mkdtemp(prefix="ss-"))
    folder.chmod(0o755)  # root's server runs as another user
    try:
        with EmbeddedPostgres(folder / "postgres", installed_versions()[version], settings=FAST) as server:
            yield server
    finally:
        shutil.rmtree(folder)


async def plain_database(server: EmbeddedPostgres, *, login: str | None = None) -> Config:
    """A new database owned by ``OWNER``, with a login role of its own; ``login`` are the attributes of one that an
    administrator makes beforehand."""
    number = next(_numbers)
    name, service = f"plain{number}", f"plain{number}_service"
    async with connect(server.url()) as superuser:
        if not await superuser.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", OWNER):
            await superuser.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD 'owner''s $$ word'")
        for group in (SYSTEM_ROLE, TENANTS_ROLE):
            if await superuser.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", group):
                # Whoever prepared the server's first database made it; the owners of others need to be given it.
                await superuser.execute(f"GRANT {group} TO {OWNER} WITH ADMIN OPTION")
        await superuser.execute(f"CREATE DATABASE {name} OWNER {OWNER}")
        if login is not None:
            await superuser.execute(f"CREATE ROLE {service} LOGIN PASSWORD '{SERVICE_PASSWORD}' {login}")
    return config_for(
        server.url(name, user=service, password=SERVICE_PASSWORD),
        database_owner_url=server.url(name, user=OWNER, password="owner's $$ word"),
    )


def config_for(database_url: str, **values: Any) -> Config:
    """A configuration without a cache."""
    fixed = {"redis_url": "none", "secret_key": SECRET, "environment": "development"}
    return Config.model_validate({"database_url": database_url, **fixed, **values})


async def make_tenant(config: Config, name: str) -> TenantName:
    """A tenant made straight by the provisioner; nobody can sign in."""
    parsed = TenantName.parse(name)
    assert parsed is not None

    async def owner() -> NewOwner:
        return NewOwner("owner@twin.example", "owner@twin.example", "owner", "owner", "no hash", None)

    await TenantProvisioner(config).create(parsed, title=name, owner=owner, origin=Origin("tests"))
    return parsed
