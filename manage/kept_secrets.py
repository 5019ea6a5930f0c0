"""The secrets that ``make run`` makes once and keeps in ``DATA_DIR/secrets.env``."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

NAMES = ("SECRET_KEY", "PLATFORM_API_KEY", "DEMO_ADMIN_PASSWORD")
FILE_NAME = "secrets.env"
_HEADER = "# Made by `make run`, readable by you alone. Values in the environment win over these.\n"


def kept_secrets(data_dir: Path) -> dict[str, str]:
    """Read the file, made or completed first. Two processes at once agree on one content."""
    path = data_dir / FILE_NAME
    if not path.exists():
        _write(path, {name: new_secret() for name in NAMES}, replace=False)
    kept = _read(path)
    if missing := [name for name in NAMES if not kept.get(name)]:
        kept.update({name: new_secret() for name in missing})
        _write(path, kept, replace=True)
    path.chmod(0o600)
    return kept


def new_secret() -> str:
    """256 random bits in characters that shells, URLs and JSON leave alone."""
    return secrets.token_urlsafe(32)


def _read(path: Path) -> dict[str, str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _write(path: Path, values: Mapping[str, str], *, replace: bool) -> None:
    """Appear as a whole or not at all; ``mkstemp`` makes the file private from its first byte."""
    descriptor, temporary = tempfile.mkstemp(prefix=f"{FILE_NAME}.", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_HEADER + "".join(f"{name}={value}\n" for name, value in values.items()))
        file.flush()
        os.fsync(file.fileno())
    try:
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)
    except FileExistsError:
        pass  # another process was first, its secrets count
    finally:
        Path(temporary).unlink(missing_ok=True)
