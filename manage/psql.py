"""``python -m manage psql``: PostgreSQL's terminal, as the role that the service itself uses.

For looking at what the isolation really allows (docs/isolation.md), and for the work that docs/operations.md describes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr, ValidationError
from sqlalchemy import URL, make_url

from common.config import Config
from common.shards import HOME
from manage.embedded import EmbeddedPostgres, postgres_bin_dir
from manage.embedded.binaries import SYSTEM_FOLDER
from manage.embedded.homes import reachable_data_dir
from manage.embedded.postgres import DATABASE, PORT, SUPERUSER
from manage.embedded.sockets import socket_folder
from manage.kept_secrets import FILE_NAME, kept_secrets
from manage.problems import CommandError
from migrations.login import service_login


def psql(
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed to psql, such as -c 'SELECT 1'.")] = None,
    *,
    owner: Annotated[bool, typer.Option("--owner", help="As the owner of all schemas instead.")] = False,
    shard: Annotated[str, typer.Option("--shard", help="On that server of DATABASE_SHARDS.")] = HOME,
) -> None:
    """Open psql as the service's login role, on the server of `make run` or of `DATABASE_URL`."""
    config = configuration()
    if shard not in {HOME, *config.shards}:
        raise CommandError(f"There is no shard {shard}: DATABASE_SHARDS has {', '.join(config.shards) or 'none'}.")
    config = config.on(shard)
    url = make_url(config.owner_url if owner else service_login(config).url).set(drivername="postgresql")
    program = str(postgres_bin_dir() / "psql")
    # Not an argument, which every user of the machine could read; putenv, because exec hands on the C environment.
    os.putenv("PGPASSWORD", str(url.password or ""))
    sys.stdout.flush()
    os.execv(program, [program, "-X", "-d", url._replace(password=None).render_as_string(), *(arguments or [])])  # noqa: S606


def configuration() -> Config:
    """The environment's, completed by what ``make run`` keeps. Only addresses are asked of it, so it may be lax."""
    config = given()
    if "database_url" not in config.model_fields_set:
        config = config.model_copy(update={"database_url": SecretStr(embedded_url(config.data_dir.resolve()))})
    return with_secret(config)


def given() -> Config:
    """The environment's configuration, as lax as development's. Raises CommandError."""
    try:
        return Config(environment="development")
    except ValidationError as error:
        wrong = sorted({str(item["loc"][0]).upper() for item in error.errors() if item["loc"]})
        raise CommandError(f"The configuration is wrong, see .env.example for: {', '.join(wrong)}.") from None


def with_secret(config: Config) -> Config:
    """The same with the secret that ``make run`` keeps, unless it has one. Raises CommandError."""
    if "secret_key" in config.model_fields_set:
        return config
    return config.model_copy(update={"secret_key": SecretStr(_kept_secret(config.data_dir))})


def embedded_url(data_dir: Path) -> str:
    """The superuser's URL of the running embedded server."""
    if not (data_dir / FILE_NAME).exists():
        raise CommandError(f"Nothing was ever started in {data_dir}: run `make run` first, or set DATABASE_URL.")
    home = reachable_data_dir(data_dir / "postgres", SYSTEM_FOLDER)
    folder = socket_folder(home, EmbeddedPostgres.socket_name)
    if not (folder / EmbeddedPostgres.socket_name).exists():
        raise CommandError(f"PostgreSQL does not run in {data_dir}: start it with `make run`.")
    password = EmbeddedPostgres(home).password
    query = {"host": str(folder), "port": str(PORT)}
    url = URL.create("postgresql+asyncpg", SUPERUSER, password, database=DATABASE, query=query)
    return url.render_as_string(hide_password=False)


def _kept_secret(data_dir: Path) -> str:
    if not (data_dir / FILE_NAME).exists():
        raise CommandError("SECRET_KEY is not set: the login role's password is derived from it.")
    return kept_secrets(data_dir)["SECRET_KEY"]
