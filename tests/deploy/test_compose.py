"""``compose.yaml`` is what Compose reads, and agrees with the image, PgBouncer's file and the code."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from common.config import Config
from common.http.root import CHECK_SECONDS
from common.postgresql.server import PREPARED_STATEMENTS
from tests.deploy.files import (
    INTERPOLATED,
    SETTLING_SECONDS,
    compose,
    compose_service,
    graceful_seconds,
    instruction,
    known_variables,
    seconds,
)
from tests.support.source import ROOT

SECRETS = {"SECRET_KEY", "PLATFORM_API_KEY", "LOGIN_PASSWORD", "OWNER_PASSWORD", "POSTGRES_PASSWORD"}
OURS = ("service", "migrate", "pgbouncer")


def environment() -> dict[str, str]:
    return dict(compose_service("service")["environment"])


def pooler() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(inline_comment_prefixes=None, comment_prefixes=(";",))
    parser.read(ROOT / "deploy" / "pgbouncer" / "pgbouncer.ini")
    return parser


def validate(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_file_keeps_the_compose_specification(tmp_path: Path) -> None:
    result = validate(ROOT / "compose.yaml")
    assert result.returncode == 0, result.stdout

    wrong = tmp_path / "compose.yaml"
    wrong.write_text((ROOT / "compose.yaml").read_text().replace("condition: service_healthy", "condition: healthy"))
    assert validate(wrong).returncode == 1


def test_every_secret_is_asked_for_and_none_has_a_default() -> None:
    found = list(INTERPOLATED.finditer((ROOT / "compose.yaml").read_text()))

    assert {match["name"] for match in found if match["kind"] == "?"} == SECRETS
    assert {match["name"] for match in found if match["kind"] != "?"} == {"PUBLISHED_PORT"}
    assert all(match["rest"] for match in found)


def test_every_variable_means_something_and_has_a_value_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)

    assert set(environment()) <= known_variables()
    assert compose_service("migrate")["environment"] == environment()
    assert Config.from_environment().environment == "production"


@pytest.mark.parametrize("name", OURS)
def test_our_containers_may_do_nothing_that_they_do_not_need(name: str) -> None:
    service = compose_service(name)

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["tmpfs"] == ["/tmp"]
    assert "privileged" not in service
    assert "user" not in service  # the image says so


def test_no_container_gains_privileges() -> None:
    assert all(service["security_opt"] == ["no-new-privileges:true"] for service in compose()["services"].values())


def test_only_the_service_is_reached_from_outside_and_only_from_this_machine() -> None:
    services = compose()["services"]

    assert {name for name, service in services.items() if "ports" in service} == {"service"}
    assert services["service"]["ports"] == [f"127.0.0.1:8008:{Config.model_fields['port'].default}"]
    assert {name for name, service in services.items() if "outside" in service["networks"]} == {"service"}
    assert compose()["networks"]["inside"] == {"internal": True}


def test_what_is_kept_lies_in_volumes() -> None:
    assert compose_service("service")["volumes"] == ["data:/data"]
    assert "DATA_DIR=/data" in instruction("ENV")
    # From version 18 the image keeps the folder of each version below this one.
    assert "postgres:/var/lib/postgresql" in compose_service("postgres")["volumes"]
    assert set(compose()["volumes"]) == {"data", "postgres"}


def test_the_service_waits_for_the_migration_and_that_for_postgresql() -> None:
    service, migrate = compose_service("service"), compose_service("migrate")

    assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert service["depends_on"]["pgbouncer"] == {"condition": "service_healthy"}
    assert migrate["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert migrate["command"] == ["python", "-m", "manage", "migrate"]
    assert "restart" not in migrate
    for name, other in compose()["services"].items():
        for needed, how in other.get("depends_on", {}).items():
            healthy = how["condition"] == "service_healthy"
            assert not healthy or "healthcheck" in compose_service(needed), f"{name} waits for {needed}"


def test_the_service_has_time_to_answer_and_to_end() -> None:
    service = compose_service("service")

    assert seconds(service["stop_grace_period"]) >= graceful_seconds() + SETTLING_SECONDS
    assert seconds(service["healthcheck"]["timeout"]) > CHECK_SECONDS


def test_requests_go_through_pgbouncer_and_the_rest_past_it() -> None:
    url = {name: urlsplit(value) for name, value in environment().items() if name.endswith("_URL")}
    database = url["DATABASE_URL"].path.removeprefix("/")
    target = dict(part.split("=") for part in pooler()["databases"][database].split())

    assert url["DATABASE_URL"].hostname == "pgbouncer"
    assert str(url["DATABASE_URL"].port) == pooler()["pgbouncer"]["listen_port"]
    for name in ("DATABASE_DIRECT_URL", "DATABASE_OWNER_URL"):
        assert (url[name].hostname, str(url[name].port)) == (target["host"], target["port"]) == ("postgres", "5432")
    assert url["DATABASE_DIRECT_URL"].username == url["DATABASE_URL"].username
    assert url["DATABASE_OWNER_URL"].username != url["DATABASE_URL"].username


def test_pgbouncer_knows_the_login_role_s_password(tmp_path: Path) -> None:
    """What its container does before it becomes PgBouncer."""
    login = urlsplit(environment()["DATABASE_URL"])
    recipe = (ROOT / "deploy" / "pgbouncer" / "Dockerfile").read_text().replace("\\\n", "")
    shell, option, script = json.loads(re.findall(r"^CMD (.*)$", recipe, re.MULTILINE)[0])
    users = tmp_path / "users"
    before, _, started = script.replace(pooler()["pgbouncer"]["auth_file"], str(users)).partition(" && exec ")
    variables = compose_service("pgbouncer")["environment"]

    subprocess.run([shell, option, before], env={"PATH": os.environ["PATH"], **variables}, check=True)
    assert users.read_text() == f'"{login.username}" "{login.password}"\n'
    assert started == "pgbouncer /etc/pgbouncer/pgbouncer.ini"
    refused = subprocess.run(
        [shell, option, before], env={"PATH": os.environ["PATH"]}, capture_output=True, check=False
    )
    assert b"LOGIN_PASSWORD" in refused.stderr


def test_nothing_is_made_up_for_a_read_only_container() -> None:
    """Compose copies configs and secrets that are no files into the container, and cannot if that is read-only."""
    assert not {"configs", "secrets"} & set(compose())


def test_pgbouncer_keeps_transactions_and_prepared_statements() -> None:
    settings = pooler()["pgbouncer"]

    assert settings["pool_mode"] == "transaction"
    assert int(settings["max_prepared_statements"]) >= PREPARED_STATEMENTS
    assert settings["auth_type"] == "scram-sha-256"


def test_postgresql_has_connections_for_everybody() -> None:
    command = " ".join(compose_service("postgres")["command"])
    limit = int(re.search(r"--max_connections=(\d+)", command)[1])  # type: ignore[index]
    pooled = int(pooler()["pgbouncer"]["default_pool_size"])

    # What goes past PgBouncer is a listener and an owner's connection or two for each process (docs/scaling.md).
    assert pooled <= limit / 2
    assert int(pooler()["pgbouncer"]["max_client_conn"]) > Config.model_fields["database_pool_size"].default * 6
