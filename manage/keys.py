"""``python -m manage keys``: the keys that sign access tokens, and their rotation.

A rotation has three steps, with a restart of every process after each, so that no process ever meets a token whose key
it does not know: a new key is published; it starts signing, and the old one is still believed; the old one is removed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import typer

from common.config import Config
from common.signing_keys import Algorithm, load_key_ring, new_private_key, next_of, previous_of, private_pem
from manage.output import AsJson, show_list
from manage.problems import CommandError
from manage.psql import given, with_secret
from shared_models import Shape

app = typer.Typer()

RESTART: Final = "Now restart every process of the service"


class SigningKey(Shape):
    """A key that is believed."""

    id: str
    algorithm: str
    use: str


@app.command()
def show(*, as_json: AsJson = False) -> None:
    """Show the keys that tokens are signed and verified with: which, not what."""
    keys = [
        SigningKey(id=key_id, algorithm=algorithm, use=use)
        for key_id, algorithm, use in describe_keys(with_secret(given()))
    ]
    columns = {"id": lambda key: key.id, "algorithm": lambda key: key.algorithm, "use": lambda key: key.use}
    show_list(keys, columns, as_json=as_json)


@app.command()
def rotate() -> None:
    """Do the next step of a rotation, and say what comes after it."""
    print(rotate_key(with_secret(given())))


def describe_keys(config: Config) -> list[tuple[str, str, str]]:
    """Key id, algorithm and use of every key that is believed."""
    ring = load_key_ring(config)
    return [
        (key.key_id, key.algorithm, "signs" if key is ring.signing else "verifies") for key in ring.verifying.values()
    ]


def rotate_key(config: Config) -> str:
    """Do the next step; answers what was done and what comes next. Raises CommandError."""
    path = config.jwt_private_key_file
    if config.jwt_algorithm == "HS256" or path is None:
        raise CommandError(
            "Tokens are signed with SECRET_KEY: set SECRET_KEY_PREVIOUS to its value and SECRET_KEY to a new one, "
            "restart every process, and unset SECRET_KEY_PREVIOUS when the last token has expired."
        )
    try:
        return _rotate(path, config.jwt_algorithm, config.access_token_seconds)
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be written: {error.strerror}.") from error


def _rotate(path: Path, algorithm: Algorithm, lifetime: int) -> str:
    if not path.exists():
        _write_key(path, algorithm)
        return f"Made the first key, {path}. {RESTART}."
    if previous_of(path).exists():
        previous_of(path).unlink()
        return f"Removed the old key; its tokens are worth nothing from the next restart on. {RESTART}."
    if not next_of(path).exists():
        _write_key(next_of(path), algorithm)
        return f"Made and published the next key. {RESTART}, then run this again: the new key starts signing."
    os.link(path, previous_of(path))
    next_of(path).replace(path)
    return (
        f"The new key signs from the next restart on, the old one is still believed. {RESTART}, "
        f"and after {lifetime} seconds run this again: the old key is removed."
    )


def _write_key(path: Path, algorithm: Algorithm) -> None:
    """Write a new private key that only this user can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(private_pem(new_private_key(algorithm)))
