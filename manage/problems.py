"""Expected trouble: what the command line reports in one sentence instead of a traceback."""

from __future__ import annotations

from common.config import ConfigError
from manage.embedded import EmbeddedServerError
from migrations.errors import DatabaseProblem


class CommandError(Exception):
    """A command ends here; the message is one sentence for the person at the terminal."""


EXPECTED = (CommandError, ConfigError, DatabaseProblem, EmbeddedServerError)
