"""Write the typed Python client from docs/openapi.json: ``python clients/python/generate.py [FOLDER]``.

The generator wants older packages than the service, so it gets a folder of its own, made once for each version of
``requirements.txt``, and exactly what that file has.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
PACKAGE = "system_service_client"


def generator() -> Path:
    """The folder of the generator and its packages."""
    key = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    folder = Path(sys.prefix) / "python-client-generator" / key
    if not folder.exists():
        made = folder.with_name(f"{key}.{os.getpid()}")
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        subprocess.run([sys.executable, *install, "-r", str(REQUIREMENTS), "--target", str(made)], check=True)
        made.rename(folder)
    return folder


def generate(folder: Path) -> str:
    """Write the package below a folder, in place of an older one; what the generator has to say."""
    document, configuration = HERE.parents[1] / "docs/openapi.json", HERE / "generator.yaml"
    command = ["generate", "--path", str(document), "--config", str(configuration), "--meta", "none", "--overwrite"]
    done = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", *command, "--output-path", str(folder / PACKAGE)],
        env={**os.environ, "PYTHONPATH": str(generator())},
        check=True,
        capture_output=True,
        text=True,
    )
    (folder / PACKAGE / "py.typed").touch()
    return done.stdout


if __name__ == "__main__":
    sys.stdout.write(generate(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE))
