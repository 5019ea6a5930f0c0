"""``python -m manage tenants | users | ...``: the second half of the command line, which loads the service.

The commands work straight on the database, with the functions that the API uses, and need no running service; one that
runs hears of their changes at once. Beside ``make run`` they find its servers and secrets by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import typer

from manage import audit, jobs, keys, load, sessions, settings, tenants, users
from manage.nouns import NOUNS
from manage.output import log_to_stderr
from manage.problems import run

PARTS: Final[Mapping[str, typer.Typer]] = {
    "tenants": tenants.app,
    "users": users.app,
    "sessions": sessions.app,
    "settings": settings.app,
    "jobs": jobs.app,
    "audit": audit.app,
    "keys": keys.app,
}

app = typer.Typer(
    help="Look after tenants and their users.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for noun, purpose in NOUNS.items():
    if noun in PARTS:
        app.add_typer(PARTS[noun], name=noun, help=purpose, no_args_is_help=True)
app.command("load")(load.load)


def main() -> None:
    """Run a command. What the service logs goes to stderr: stdout belongs to the answer."""
    log_to_stderr()
    run(app)
