"""The operating system user that runs PostgreSQL, which refuses to run as root."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from manage.embedded.process import EmbeddedServerError, RunAs

CANDIDATES = ("postgres", "nobody")  # exist on practically every system; creating users is the administrator's business


@dataclass(frozen=True)
class Account:
    """A user other than the current one; without ids it is the current one."""

    name: str
    uid: int | None = None
    gid: int | None = None

    @property
    def run_as(self) -> RunAs:
        """Arguments for ``subprocess``."""
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    @property
    def is_foreign(self) -> bool:
        """Whether files must be handed over to it."""
        return self.uid is not None

    def hand_over(self, path: Path) -> None:
        """Make it the owner of ``path``."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Found out by entering it as that user: mode bits do not tell about ACLs, mounts and parents."""
        return self.can_run(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)])

    def can_run(self, command: list[str]) -> bool:
        """Whether the command, run as that user, succeeds."""
        try:
            result = subprocess.run(command, cwd="/", capture_output=True, check=False, timeout=30, **self.run_as)
        except OSError:
            return False
        return result.returncode == 0


def account_for(data_dir: Path) -> Account:
    """The user to run a server on ``data_dir`` as: ourselves, or for root the folder's owner or a system user."""
    if os.geteuid() != 0:
        return Account(name=pwd_name(os.geteuid()))
    if (data_dir / "PG_VERSION").exists() and (owner := data_dir.stat()).st_uid != 0:
        return Account(pwd_name(owner.st_uid), owner.st_uid, owner.st_gid)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError(
        f"PostgreSQL refuses to run as root and this system has no user {' or '.join(CANDIDATES)}: "
        "start as an ordinary user, or set DATABASE_URL."
    )


def pwd_name(uid: int) -> str:
    """The user's name, or its number: containers run as users that /etc/passwd does not know."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
