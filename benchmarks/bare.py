"""How the applications are served that the service is compared with."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI


def serve(app: FastAPI, port: int, *, access_log: bool) -> None:
    """Serve until SIGTERM, as the service's own command line has it, but for the access log: the service writes its own
    lines, uvicorn those of the others."""
    level = "info" if access_log else "warning"
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        log_level=level,
        access_log=access_log,
        server_header=False,
        proxy_headers=False,
    )
