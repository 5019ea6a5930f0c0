"""The bare routes that the service's are compared with: FastAPI alone, the same shapes, nothing in front.

``python -m benchmarks.baselines PORT FOLDER`` serves them, with uvicorn's access log unless ``LOG_LEVEL`` is
``warning``. The folder holds the service's own answers, so that both sides send the same body, and serialise the same
model where the service does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response
from passlib.context import CryptContext

from benchmarks.things import ARGON2, PASSWORD
from common.errors import Overloaded
from shared_auth import Passwords
from users.auth.schemas import AuthenticationTest, Me
from users.introspection.schemas import Introspection


def create_baselines(folder: Path) -> FastAPI:
    """One route for each file of the folder, below the service's paths."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _add_models(app, folder)
    _add_bytes(app, folder)
    _add_login(app)
    return app


def _add_models(app: FastAPI, folder: Path) -> None:
    me = Me.model_validate_json((folder / "me.json").read_bytes())
    test = AuthenticationTest.model_validate_json((folder / "test.json").read_bytes())
    introspection = Introspection.model_validate_json((folder / "introspect.json").read_bytes())

    @app.get("/api/v1/auth/me")
    async def get_me() -> Me:
        return me

    @app.get("/api/v1/auth/test")
    async def test_authentication() -> AuthenticationTest:
        return test

    @app.post("/api/v1/auth/introspect", response_model_exclude_none=True)
    async def introspect_token(request: Request) -> Introspection:
        await request.body()
        return introspection


def _add_bytes(app: FastAPI, folder: Path) -> None:
    """What the service has ready, too."""
    setting, flags = (folder / "setting.json").read_bytes(), (folder / "flags.json").read_bytes()

    @app.get("/api/v1/settings/{key}")
    async def get_setting(key: str) -> Response:
        return Response(setting, headers={"ETag": f'"{key}"'}, media_type="application/json")

    @app.post("/ofrep/v1/evaluate/flags")
    async def evaluate_flags(request: Request) -> Response:
        await request.body()
        known = request.headers.get("if-none-match")
        if known is not None:
            return Response(status_code=304, headers={"ETag": known})
        return Response(flags, headers={"ETag": '"1"'}, media_type="application/json")


def _add_login(app: FastAPI) -> None:
    """A login that is nothing but its hash, by the same threads in the same number, and refused in the same case; and
    a ``/health`` beside it. What it has no part in, the machine does: threads that hash, and clients."""
    passwords = Passwords(workers=2, queue=64)
    stored = CryptContext(schemes=["argon2"], **ARGON2).hash(PASSWORD)

    @app.get("/health")
    async def get_health() -> dict[str, str]:
        return {"status": "pass"}

    @app.post("/api/v1/auth/login")
    async def log_in(request: Request) -> Response:
        given = (await request.json())["password"]
        try:
            valid, _ = await passwords.verify(given, stored)
        except Overloaded:
            return Response(status_code=503, headers={"Retry-After": "1"})
        return Response(b"{}", status_code=200 if valid else 401, media_type="application/json")


if __name__ == "__main__":
    port, answers = sys.argv[1:]
    # As the service's own command line has it, but for the access log: the service writes its own.
    level = os.environ.get("LOG_LEVEL", "info")
    uvicorn.run(
        create_baselines(Path(answers)),
        host="127.0.0.1",
        port=int(port),
        log_level=level,
        access_log=level == "info",
        server_header=False,
        proxy_headers=False,
    )
