"""Folders for unix sockets, whose addresses are short."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from manage.embedded.process import EmbeddedServerError

# sun_path has 108 bytes on Linux and 104 on macOS, the closing NUL included.
_LONGEST_SOCKET_PATH = 103
# Further characters have a meaning in server options or URLs: `,` and `:` separate hosts, `"` quotes.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/-]+")


def socket_folder(data_dir: Path, socket_name: str) -> Path:
    """The data folder itself, or a short one when that path does not fit into a socket's address."""
    if len(bytes(data_dir / socket_name)) <= _LONGEST_SOCKET_PATH and _PLAIN_PATH.fullmatch(str(data_dir)):
        return data_dir
    # Root's own TMPDIR may be closed to the user that runs the server.
    base = Path("/tmp") if os.geteuid() == 0 else Path(tempfile.gettempdir())  # noqa: S108 - made private below
    return base / f"system-service-{hashlib.sha256(bytes(data_dir)).hexdigest()[:16]}"


def make_private(folder: Path, owner: int) -> None:
    """Create ``folder`` for its owner alone. One that somebody else put there first is refused, links included."""
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if folder.is_symlink() or state.st_uid not in {owner, os.geteuid()} or state.st_mode & 0o077:
        raise EmbeddedServerError(f"{folder} exists and is not private to the user with the number {owner}: remove it.")
    if state.st_uid != owner:
        os.chown(folder, owner, -1, follow_symlinks=False)


def remove_folder(folder: Path) -> None:
    """Remove a folder that may be gone already."""
    shutil.rmtree(folder, ignore_errors=True)
