"""The way of a request: its round trips, and its pace beside a bare route (B1), raw asyncpg (B2) and the usual
way (B3).

Every server of a comparison has the same processor for itself in turn, and wrk and PostgreSQL have the other ones.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import httpx
from sqlalchemy import event

import main
from benchmarks.figures import Asked, Figure, Pace, against_limit, at_least, at_most, compare
from benchmarks.recording import record
from benchmarks.servers import API, DATABASE, Server, World, ask, resident, serving
from benchmarks.things import SETTING
from benchmarks.wrk import Request
from common.config import Config
from manage.listening import QUIETLY, UVICORN
from tests.support.wire import wire_to

NOTES: Final = f"{API}/tools/notes"
LIST: Final = f"{API}/tools/tasks?limit=50"
TEST: Final = f"{API}/auth/test"
WRITTEN: Final = 64  # notes changed in turn, so that no two connections wait for one row
JSON: Final = {"Content-Type": "application/json"}
START_SECONDS: Final = 2.5
START_MB: Final = 150.0


@dataclass(frozen=True)
class Rivals:
    """The servers beside the service, and what all of them are asked."""

    raw: Server
    usual: Server
    read: Sequence[Request]
    write: Sequence[Request]
    list: Sequence[Request]


def measure(world: World, pace: Pace) -> list[Figure]:
    """All figures of the way of a request."""
    figures = asyncio.run(count_trips(world))
    test = [Request(TEST, world.headers)]
    ours, bare = Asked(world.silent_service, test), Asked(world.silent_bare, test)
    figures.append(compare("GET /auth/test", ours, bare, pace, "bare route (B1)", at_least(0.8)))
    with running_rivals(world) as rivals:
        service, raw = world.silent_service, rivals.raw
        ours, usual = Asked(service, rivals.read), Asked(rivals.usual, rivals.read)
        name, same, other = "GET /tools/notes/{id}", "raw asyncpg, same SQL (B2)", "the usual way (B3)"
        figures += [
            compare(name, ours, Asked(raw, rivals.read), pace, same, at_least(0.65)),
            compare(f"{name}, beside the usual way", ours, usual, pace, other, at_least(3)),
        ]
        for name, requests, goal in (
            ("PATCH /tools/notes/{id}, audited", rivals.write, 0.5),
            ("GET /tools/tasks?limit=50", rivals.list, 0.55),
        ):
            figures.append(compare(name, Asked(service, requests), Asked(raw, requests), pace, same, at_least(goal)))
    return [*figures, *measure_start(world, pace)]


@contextmanager
def running_rivals(world: World) -> Iterator[Rivals]:
    """Fill the tenant, note what the service says to PostgreSQL, and start the servers that say it too."""
    notes = [_create(world, "notes", {"title": f"Note {number}", "content": "By hand."}) for number in range(WRITTEN)]
    for number in range(60):
        _create(world, "tasks", {"title": f"Task {number}", "description": "Call the driver the day before."})
    file = world.folder / "recordings"
    first = notes[0]
    requests: dict[str, tuple[Any, ...]] = {
        "read": ("GET", f"{NOTES}/{first}", first),
        "write": ("PATCH", f"{NOTES}/{first}", first, ({"title": "Once"}, {"title": "Twice"})),
        "list": ("GET", LIST),
    }
    record(world.environment, world.headers, requests, file)
    database, changed = world.postgres.url(DATABASE), {**world.headers, **JSON}
    with ExitStack() as stack:
        yield Rivals(
            stack.enter_context(serving(["benchmarks.raw"], {}, world.folder, after=[str(file), database])),
            stack.enter_context(serving(["benchmarks.usual"], {}, world.folder, after=[database])),
            [Request(f"{NOTES}/{note}", world.headers) for note in notes],
            # Each note in turn, and each time another title: what changes nothing writes nothing.
            [
                Request(f"{NOTES}/{note}", changed, "PATCH", json.dumps({"title": f"{title} of {note}"}))
                for title in ("A title", "Another title")
                for note in notes
            ],
            [Request(LIST, world.headers)],
        )


async def count_trips(world: World) -> list[Figure]:
    """Round trips to PostgreSQL, counted at its socket, of a read, an audited write, and a cached setting."""
    direct = world.postgres.url(DATABASE)
    note = _create(world, "notes", {"title": "Counted", "content": "One by one."})
    setting = f"{API}/settings/{SETTING}"
    async with wire_to(direct) as wire:
        values: dict[str, Any] = {name.lower(): value for name, value in world.environment.items()}
        changes = {"database_url": wire.url, "database_owner_url": direct, "database_direct_url": direct}
        app = main.create_app(Config(**{**values, **changes, "work_off_jobs": False, "log_level": "warning"}))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://in", headers=world.headers
            ) as client,
        ):
            said: list[str] = []
            engine = app.state.services.database.server.engine.sync_engine
            event.listen(engine, "before_cursor_execute", lambda _connection, _cursor, sql, *_: said.append(sql))

            async def count(method: str, path: str) -> tuple[int, int]:
                """Trips, and statements but for BEGIN and COMMIT, once nothing is new any more."""
                for turn in range(12):  # the pool's connections prepare a statement each
                    wire.reset()
                    said.clear()
                    body = {"title": f"Changed {turn}"} if method == "PATCH" else None
                    (await client.request(method, path, json=body)).raise_for_status()
                return wire.trips, len(said)

            read, _ = await count("GET", f"{NOTES}/{note}")
            write, statements = await count("PATCH", f"{NOTES}/{note}")
            if not said[-1].startswith("SELECT audit_append"):
                raise RuntimeError("the write was not audited")
            cached, _ = await count("GET", setting)
    return [
        against_limit("round trips of a read", [read], "", 3),
        against_limit(f"round trips of a write of {statements - 1} statements", [write], "", statements - 1 + 3),
        Figure(
            "round trips of a cached setting",
            cached,
            "",
            3,
            "without a cache",
            cached / 3,
            (cached / 3,) * 2,
            at_most(0),
        ),
    ]


def measure_start(world: World, pace: Pace) -> list[Figure]:
    """Seconds from the start of a process to its first answer, on a database that exists, and its memory then."""
    times, sizes = [], []
    for _ in range(pace.pairs):
        program = [*UVICORN, *QUIETLY, "--port"]
        started = time.perf_counter()
        with serving(program, {**world.environment, "LOG_LEVEL": "warning"}, world.folder) as server:
            times.append(time.perf_counter() - started)
            ask(server.port, "GET", TEST, world.headers)
            sizes.append(resident(server, "VmRSS"))
    return [
        against_limit("start of a process until it is ready", times, "s", START_SECONDS),
        against_limit("its resident memory", sizes, "MB", START_MB),
    ]


def _create(world: World, kind: str, body: dict[str, Any]) -> UUID:
    made = ask(world.service.port, "POST", f"{API}/tools/{kind}", world.headers, json=body)
    return UUID(made.json()["id"])
