r"""The audit export beside ``psql \copy`` of the same query (B6), in turns. Both throw away what they get: what is
measured is how fast it comes. What others notice of an export is compared with a quiet service, and with what they
notice of the same COPY in a bare application."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from sqlalchemy.dialects import postgresql

from benchmarks.figures import Figure, Pace, against_limit, at_least, at_most
from benchmarks.load import Order
from benchmarks.servers import Server, World, collect, load, psql, resident
from settings.audit.export.queries import AS_THEY_ARE, select_json

PATH: Final = "/api/v1/settings/audit-logs/export"
GROWTH_MB: Final = 32.0
BATCH: Final = 20_000
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
CHAINED: Final = 100_000
# Chaining a million entries takes minutes. The others are copies, whose hashes fit nothing: an export does not look.
COPIES: Final = """
INSERT INTO audit_logs (id, seq, occurred_at, action, actor_type, actor_id, actor_name, target_type, target_id,
    target_name, changes, outcome, ip_address, user_agent, request_id, session_id, prev_hash, hash)
SELECT gen_random_uuid(), number * (SELECT seq FROM audit_chain) + seq, occurred_at, action, actor_type, actor_id,
    actor_name, target_type, target_id, target_name, changes, outcome, ip_address, user_agent, request_id, session_id,
    sha256(convert_to(number || ' ' || seq, 'UTF8')), hash
FROM audit_logs, generate_series(1, %d) AS number ORDER BY number, seq
"""


def measure(world: World, pace: Pace) -> list[Figure]:
    """Fill the log, if nobody has, and measure."""
    entries, pairs = (CHAINED, 2) if pace.fast else (10 * CHAINED, 5)
    if count(world) < entries:
        append(world, CHAINED)
        psql(world, COPIES % (entries // CHAINED - 1))
        psql(world, "UPDATE audit_chain SET seq = (SELECT max(seq) FROM audit_logs)")
        psql(world, "VACUUM (ANALYZE) audit_logs")
    figures = [*measure_rates(world, pairs, compressed=False), *measure_rates(world, 2, compressed=True)]
    return [*figures, *measure_others(world, pairs)]


def append(world: World, entries: int) -> None:
    """So many entries more, each in the chain."""
    for _ in range(entries // BATCH):
        psql(world, APPEND % BATCH)
    psql(world, "VACUUM (ANALYZE) audit_logs")


def count(world: World) -> int:
    """Entries in the log."""
    return int(psql(world, "SELECT count(*) FROM audit_logs"))


def measure_rates(world: World, pairs: int, *, compressed: bool) -> list[Figure]:
    """Entries a second over those of psql; without compression also how far resident memory grew meanwhile."""
    entries = count(world)
    export(world, world.service, compressed=compressed)
    before = resident(world.service, "VmRSS")
    Path(f"/proc/{world.service.process.pid}/clear_refs").write_text("5")  # proc(5): resets VmHWM
    times = [(export(world, world.service, compressed=compressed), copy(world)) for _ in range(pairs)]
    grown = resident(world.service, "VmHWM") - before
    rate = Figure.of(
        f"audit export{', gzip' if compressed else ''}",
        [(entries / ours, entries / theirs) for ours, theirs in times],
        "entries/s",
        "by psql (B6)",
        None if compressed else at_least(0.7),
    )
    return [rate] if compressed else [rate, against_limit("resident memory meanwhile", [grown], "MB", GROWTH_MB)]


def measure_others(world: World, pairs: int) -> list[Figure]:
    """The slowest answers to others during an export: over those of a quiet service; and over those of a bare
    application during the same COPY, since PostgreSQL and the client take the same processors."""
    found = []
    for _ in range(pairs):
        quiet = collect(_others(world.service, world)).percentile(0.99)
        busy, bare = (_slowest_during_export(server, world) for server in (world.service, world.bare))
        found.append((busy * 1000, quiet * 1000, bare * 1000))
    name = "GET /auth/test, p99 during an export"
    return [
        Figure.of(name, [(busy, quiet) for busy, quiet, _ in found], "ms", "quiet", at_most(2)),
        Figure.of(
            f"{name}, beside a bare application",
            [(busy, bare) for busy, _, bare in found],
            "ms",
            "bare, during the same COPY",
            at_most(2),
        ),
    ]


def _others(server: Server, world: World) -> subprocess.Popen[str]:
    return load(Order(server.port, "GET", "/api/v1/auth/test", world.headers, connections=1, seconds=2, pause=0.002))


def _slowest_during_export(server: Server, world: World) -> float:
    client = _others(server, world)
    time.sleep(0.4)  # until it has started
    while client.poll() is None:
        export(world, server, until=client)
    return collect(client).percentile(0.99)


def export(
    world: World, server: Server, *, compressed: bool = False, until: subprocess.Popen[str] | None = None
) -> float:
    """Seconds that one export takes; it is left as soon as ``until`` has ended. Raises RuntimeError if it breaks
    off."""
    query = "?gzip=true" if compressed else ""
    lines = [f"GET {PATH}{query} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    request = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in world.headers.items())]) + "\r\n\r\n"
    buffer, last, received = bytearray(BUFFER), b"", 0
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(request.encode())
        while size := connection.recv_into(buffer):
            last, received = (last + bytes(buffer[max(0, size - 5) : size]))[-5:], received + size
            if until is not None and until.poll() is not None:
                return time.perf_counter() - started
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
