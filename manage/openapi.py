"""``python -m manage openapi``: the API's description as a file.

Run as a process of its own (``python -m manage.openapi PATH``): the other commands need not load the web framework.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic import SecretStr

from common.config import Config
from main import create_app


def render_openapi() -> str:
    """The OpenAPI document of this version. Nothing is connected, so any valid configuration will do."""
    secret = SecretStr("only to build the document; signs nothing")
    app = create_app(Config(secret_key=secret, environment="development"))
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


def write_openapi(path: Path) -> None:
    """Write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_openapi())


if __name__ == "__main__":
    write_openapi(Path(sys.argv[1]))
