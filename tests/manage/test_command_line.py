"""The command line as a process, and what it says when the database does not answer."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from common.errors import TenantNotFound
from manage.app import app as everything
from manage.nouns import NOUNS
from manage.problems import run
from tests.manage.commands import CommandLine
from tests.support.post import PostOffice
from tests.support.servers import SECRET, Servers
from tests.support.source import ROOT
from tests.support.world import TestTenant

BOX = {"─", "│", "━", "┃"}


def environment(office: PostOffice) -> dict[str, str]:
    """As a user of the command line sets it."""
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": office.config.database_url.get_secret_value(),
        "SECRET_KEY": SECRET,
        "DATA_DIR": str(office.config.data_dir),
    }


def start(variables: dict[str, str], *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``python -m manage`` to its end."""
    command = [sys.executable, "-m", "manage", *arguments]
    return subprocess.run(command, cwd=ROOT, env=variables, text=True, check=False, timeout=60, **options)


def on_a_terminal(variables: dict[str, str], *arguments: str) -> str:
    """What a command shows to somebody who looks."""
    reader, terminal = pty.openpty()
    try:
        start({**variables, "TERM": "xterm", "COLUMNS": "160"}, *arguments, stdout=terminal, stderr=terminal)
        return os.read(reader, 65536).decode()
    finally:
        os.close(terminal)
        os.close(reader)


def test_a_pipe_gets_the_answer_and_nothing_else(office: PostOffice, branches: dict[str, TestTenant]) -> None:
    done = start(environment(office), "tenants", "list", "--json", capture_output=True)

    assert done.returncode == 0, done.stderr
    assert {item["id"] for item in json.loads(done.stdout)} >= {"north", "south"}
    assert done.stderr == ""


def test_a_terminal_gets_a_table(office: PostOffice, branches: dict[str, TestTenant]) -> None:
    shown = on_a_terminal(environment(office), "users", "list", "--tenant", "north")

    assert set(shown) & BOX
    assert "full name" in shown
    assert branches["north"].canary in shown


def test_expected_trouble_is_a_sentence_and_exit_code_one(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> None:
        raise TenantNotFound

    with pytest.raises(SystemExit) as ended:
        run(refuse)

    assert ended.value.code == 1
    assert capsys.readouterr() == ("", "There is no such tenant.\n")


def test_the_list_of_commands_is_complete() -> None:
    shown = CliRunner().invoke(everything, ["--help"]).stdout

    for command in ("up", "migrate", *NOUNS):
        assert f" {command} " in shown


def test_a_list_of_commands_and_psql_need_nothing_of_the_service() -> None:
    """Both are there in half a second; loading the service takes two."""
    loaded = "import sys, manage.app; print({'fastapi', 'alembic', 'database', 'users'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, text=True, check=True, stdout=subprocess.PIPE)

    assert done.stdout == "set()\n"


async def test_a_database_that_is_not_prepared_or_not_there_is_named(servers: Servers, tmp_path: Path) -> None:
    empty = servers.config(servers.new_database(), data_dir=tmp_path)
    absent = servers.config("postgresql://a:b@127.0.0.1:9/c", data_dir=tmp_path)
    for config in (empty, absent):
        outcome = await CommandLine(config).run("tenants", "list")
        assert outcome.failure is not None
        assert outcome.failure.startswith("The database cannot be used: ")
        assert "python -m manage migrate" in outcome.failure


async def test_every_command_explains_itself(line: CommandLine) -> None:
    for noun in NOUNS:
        shown = (await line.run(noun, "--help")).stdout
        assert "Usage" in shown
        assert "list" in shown or noun in {"audit", "keys", "load"}


@pytest.mark.promise("I8")
async def test_signing_keys_are_named_without_what_they_are(line: CommandLine) -> None:
    shown = await line.run("keys", "show", "--json")
    rotated = await line.run("keys", "rotate")

    assert [key["algorithm"] for key in shown.json] == ["HS256"]
    assert SECRET not in shown.stdout
    assert rotated.failure is not None
    assert "SECRET_KEY_PREVIOUS" in rotated.failure
