"""``python -m manage tenants | users | sessions | keys``: the second half of the command line, which loads the service.

The commands work straight on the database, with the functions that the API uses, and need no running service; one that
runs hears of their changes at once. Beside ``make run`` they find its servers and secrets by themselves.
"""

from __future__ import annotations

import logging
import sys

import structlog
import typer

from manage import keys, sessions, tenants, users
from manage.nouns import NOUNS
from manage.problems import run

app = typer.Typer(
    help="Look after tenants and their users.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for noun, purpose in NOUNS.items():
    part = {"tenants": tenants.app, "users": users.app, "sessions": sessions.app, "keys": keys.app}[noun]
    app.add_typer(part, name=noun, help=purpose, no_args_is_help=True)


def main() -> None:
    """Run a command. What the service logs goes to stderr: stdout belongs to the answer."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    run(app)
