"""Running commands in this process, on the database of a test's application."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from common.config import Config
from manage.operations import app
from manage.problems import EXPECTED
from tests.support.servers import SECRET


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command wrote, and the sentence it failed with."""

    stdout: str
    stderr: str
    failure: str | None

    @property
    def json(self) -> Any:
        """The answer of a command that was asked for JSON."""
        assert self.failure is None, self.failure
        return json.loads(self.stdout)

    @property
    def rows(self) -> list[list[str]]:
        """The answer's lines, cell by cell."""
        assert self.failure is None, self.failure
        return [line.split("\t") for line in self.stdout.splitlines()]

    @property
    def fields(self) -> dict[str, str]:
        """The answer about one thing."""
        return dict(self.rows)


class CommandLine:
    """The commands, with a configuration as they find it in the environment."""

    def __init__(self, config: Config, **more: str) -> None:
        self.environment = {
            "DATABASE_URL": config.database_url.get_secret_value(),
            "SECRET_KEY": SECRET,
            "DATA_DIR": str(config.data_dir),
            **more,
        }

    async def run(self, *arguments: str, text: str = "") -> Outcome:
        """Run a command in a thread of its own, as it has an event loop of its own; ``text`` is its standard input."""
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments, input=text, env=self.environment)
        if isinstance(result.exception, EXPECTED):
            return Outcome(result.stdout, result.stderr, str(result.exception))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Outcome(result.stdout, result.stderr, result.stderr if result.exit_code else None)
