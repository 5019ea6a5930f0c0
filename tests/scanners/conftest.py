"""The service as it runs for real, with what the scanners attack in it; and beside it what they must find."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import main
from migrations.login import plain_dsn
from tests.scanners.asking import Asker
from tests.scanners.doors import open_doors, served
from tests.scanners.questions import Question
from tests.support.inputs import Preparations
from tests.support.operations import operations_of
from tests.support.probes import owner_connection
from tests.support.servers import Servers
from tests.support.source import ROOT
from tests.support.world import TestTenant, create_twin
from tests.test_integration import running_service

DOCUMENT = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))


@dataclass
class Target:
    """The service under attack: where it listens, its log, and in each twin tenant the questions to attack with."""

    url: str
    log: Path
    database: str
    twins: dict[str, TestTenant] = field(default_factory=dict)
    questions: dict[str, list[Question]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)

    def errors(self) -> list[str]:
        """What the service itself calls an error, so far."""
        return [line for line in self.log.read_text().splitlines() if '"level":"error"' in line]


@pytest.fixture(scope="session")
async def target(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    """One process, on the real PostgreSQL and Valkey. It counts no tries: all that a scanner saw would be 429."""
    folder, database = tmp_path_factory.mktemp("target"), servers.new_database()
    environment = {
        "DATABASE_URL": database,
        "RATE_LIMIT_ENABLED": "false",
        "WORK_OFF_JOBS": "false",
        "LOG_LEVEL": "warning",
        "PASSWORD_MEMORY_KIB": "1024",
        "ACCESS_TOKEN_SECONDS": "3600",
        "DATA_DIR": str(folder / "data"),
    }
    config = servers.config(database)
    operations = operations_of(main.create_app(config))
    log = folder / "service.log"
    with running_service(servers, log, environment) as (url, _):
        found = Target(url, log, database)
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False, timeout=30))
            for name in ("tenant_north", "tenant_south"):
                twin = found.twins[name] = await create_twin(http, name)
                owner = await stack.enter_async_context(owner_connection(config, name))
                asker = Asker(DOCUMENT, operations, Preparations(http, twin, owner), url)
                await asker.furnish()
                found.questions[name] = await asker.questions()
                found.refused |= asker.refused
                found.empty |= asker.empty
        yield found


@pytest.fixture(scope="session")
def doors(servers: Servers) -> Iterator[str]:
    """The address of the application with holes."""
    with open_doors(plain_dsn(servers.new_database())) as address:
        yield address


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Where wapiti's attacks would have a server call, and where it asks who did. By itself it uses a foreign host."""
    calls: dict[str, dict[str, dict[str, list[dict[str, str]]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )

    async def called(request: Request) -> Response:
        part = request.path_params
        call = {
            "date": datetime.now(UTC).isoformat(),
            "url": str(request.url),
            "ip": "127.0.0.1",
            "method": request.method,
            "size": "0",
        }
        calls[part["session"]][part["number"]][part["parameter"]].append(call)
        return Response("")

    async def told(request: Request) -> Response:
        return JSONResponse(calls.get(request.query_params.get("session_id", ""), {}))

    routes = [
        Route("/ssrf/{session}/{number}/{parameter}/", called),
        Route("/get_ssrf.php", told),
        Route("/get_xxe.php", told),
    ]
    with served(Starlette(routes=routes)) as address:
        yield f"{address}/"
