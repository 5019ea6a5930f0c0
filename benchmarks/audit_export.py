r"""The audit export beside ``psql \copy`` of the same query (B6), in turns. Both throw away what they get: what is
measured is how fast it comes."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Final

from sqlalchemy.dialects import postgresql

from benchmarks.figures import Figure, Pace, against_limit, at_least, at_most
from benchmarks.load import Order
from benchmarks.servers import World, collect, load, psql, resident
from settings.audit.export.queries import AS_THEY_ARE, select_json

PATH: Final = "/api/v1/settings/audit-logs/export"
BATCH: Final = 20_000
GROWTH_MB: Final = 32.0
BUFFER: Final = 1024 * 1024
# As a busy tenant's entries are: two changed fields, everybody known by name.
APPEND: Final = """
SELECT audit_append((SELECT jsonb_agg(jsonb_build_object(
    'id', gen_random_uuid(), 'action', 'users.role.updated', 'actor_type', 'user', 'actor_id', gen_random_uuid(),
    'actor_name', 'somebody', 'target_type', 'role', 'target_id', gen_random_uuid(), 'target_name', 'role ' || number,
    'changes', jsonb_build_array(jsonb_build_object('path', 'name', 'old', 'old ' || number, 'new', 'new ' || number),
                                 jsonb_build_object('path', 'description', 'old', '', 'new', 'another')),
    'outcome', 'success', 'ip_address', '203.0.113.7', 'user_agent', 'Mozilla/5.0 (X11; Linux x86_64)',
    'request_id', gen_random_uuid(), 'session_id', gen_random_uuid()))
FROM generate_series(1, %d) AS number))
"""


def measure(world: World, pace: Pace) -> list[Figure]:
    """Fill the log, and measure."""
    fill(world, 100_000 if pace.fast else 1_000_000)
    pairs = 2 if pace.fast else 5
    figures = measure_rates(world, pairs, compressed=False)
    return [*figures, *measure_rates(world, 2, compressed=True), measure_others(world, pairs)]


def fill(world: World, entries: int) -> None:
    """Have the log so many entries at least."""
    missing = entries - int(psql(world, "SELECT count(*) FROM audit_logs"))
    for _ in range(max(0, missing) // BATCH + 1):
        psql(world, APPEND % BATCH)
    psql(world, "VACUUM (ANALYZE) audit_logs")


def measure_rates(world: World, pairs: int, *, compressed: bool) -> list[Figure]:
    """Entries a second over those of psql; without compression also how far resident memory grew meanwhile."""
    count = int(psql(world, "SELECT count(*) FROM audit_logs"))
    export(world, compressed=compressed)
    before = resident(world.service, "VmRSS")
    Path(f"/proc/{world.service.process.pid}/clear_refs").write_text("5")  # proc(5): resets VmHWM
    times = [(export(world, compressed=compressed), copy(world)) for _ in range(pairs)]
    grown = resident(world.service, "VmHWM") - before
    rate = Figure.of(
        f"export of {count:,} entries{', gzip' if compressed else ''}",
        [(count / ours, count / theirs) for ours, theirs in times],
        "/s",
        "by psql",
        None if compressed else at_least(0.7),
    )
    return [rate] if compressed else [rate, against_limit("resident memory meanwhile", [grown], "MB", GROWTH_MB)]


def measure_others(world: World, pairs: int) -> Figure:
    """The slowest answers to others during an export, over those of a quiet service."""
    order = Order(world.service.port, "GET", "/api/v1/auth/test", world.headers, connections=1, seconds=2, pause=0.002)
    found = []
    for _ in range(pairs):
        quiet = collect(load(order)).percentile(0.99)
        client = load(order)
        time.sleep(0.4)  # until it has started
        while client.poll() is None:
            export(world, compressed=False)
        found.append((collect(client).percentile(0.99), quiet))
    turns = [(busy * 1000, quiet * 1000) for busy, quiet in found]
    return Figure.of("GET /auth/test, p99 during an export", turns, "ms", "quiet", at_most(2))


def export(world: World, *, compressed: bool) -> float:
    """Seconds that one export takes. Raises RuntimeError if it breaks off."""
    lines = [f"GET {PATH}?gzip={str(compressed).lower()} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    request = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in world.headers.items())]) + "\r\n\r\n"
    buffer, last, received = bytearray(BUFFER), b"", 0
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", world.service.port)) as connection:
        connection.sendall(request.encode())
        while size := connection.recv_into(buffer):
            last, received = (last + bytes(buffer[max(0, size - 5) : size]))[-5:], received + size
    if last != b"0\r\n\r\n" or received < BUFFER:
        raise RuntimeError(f"the export broke off after {received} bytes")
    return time.perf_counter() - started


def copy(world: World) -> float:
    """Seconds that psql takes for the same rows."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped
    query = select_json([]).compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    options = ", ".join(f"{name} '{value}'" for name, value in AS_THEY_ARE.items())
    started = time.perf_counter()
    psql(world, f"\\copy ({' '.join(str(query).split())}) TO '/dev/null' WITH ({options})")
    return time.perf_counter() - started
