"""Expected trouble: what the command line reports in one sentence instead of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable

from common.config import ConfigError
from common.errors import ServiceError
from manage.embedded import EmbeddedServerError
from migrations.errors import DatabaseProblem


class CommandError(Exception):
    """A command ends here; the message is one sentence for the person at the terminal."""


EXPECTED = (CommandError, ConfigError, DatabaseProblem, EmbeddedServerError, ServiceError)


def run(commands: Callable[[], object]) -> None:
    """Run a command line; expected trouble is a sentence on stderr and exit code 1."""
    try:
        commands()
    except EXPECTED as trouble:
        print(trouble, file=sys.stderr)
        sys.exit(1)
