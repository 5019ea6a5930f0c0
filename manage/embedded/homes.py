"""Where a cluster lives, and whether another server is using it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from manage.embedded.account import account_for
from manage.embedded.process import EmbeddedServerError


def reachable_data_dir(data_dir: Path, system_folder: Path) -> Path:
    """``data_dir``, unless the server's user cannot get there: then a folder of its own below ``system_folder``.

    The permissions of existing folders stay as they are: opening /root or a home folder is nobody's wish.
    """
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    account = account_for(data_dir)
    if not account.is_foreign or account.can_enter(data_dir.parent):
        return data_dir
    if (data_dir / "PG_VERSION").exists():
        raise EmbeddedServerError(
            f"The user {account.name}, who owns {data_dir}, cannot enter {data_dir.parent}: "
            "open the way to it again, or move the folder away."
        )
    home = system_folder / hashlib.sha256(bytes(data_dir.parent)).hexdigest()[:12]
    home.mkdir(parents=True, exist_ok=True)
    for folder in (system_folder, home):
        folder.chmod(0o755)  # our own folders, closed when root works under umask 077
    return home / data_dir.name


def live_postmaster(data_dir: Path) -> int | None:
    """The process id in ``postmaster.pid`` if that process serves this folder; a number used by another is stale."""
    pid_file = data_dir / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().splitlines()[0])
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError, IndexError, ProcessLookupError, PermissionError):
        return None
    process = Path("/proc") / str(pid)
    if process.exists() and (process / "cwd").resolve() != data_dir:
        # After a container's restart the number is often in use, and PostgreSQL would refuse to start.
        pid_file.unlink()
        return None
    return pid
