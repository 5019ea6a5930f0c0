"""The audit export's figures: ``python -m benchmarks.audit_export [--fast]``.

The service's export and ``psql \\copy`` of the same query take turns, A B A B, in one run. Both throw away what they
get: what is measured is how fast it comes. See ``benchmarks.figures`` for how figures are read.
"""

from __future__ import annotations

import socket
import statistics
import sys
import time
from pathlib import Path
from typing import Final

from sqlalchemy.dialects import postgresql

from benchmarks.figures import Figure, report
from benchmarks.load import Order
from benchmarks.servers import World, collect, load, psql, running_world
from settings.audit.export.queries import AS_THEY_ARE, select_json

PATH: Final = "/api/v1/settings/audit-logs/export"
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


def main() -> None:
    """Fill a log, measure, print, and write the results down."""
    fast = "--fast" in sys.argv[1:]
    entries, pairs = (100_000, 3) if fast else (1_000_000, 5)
    with running_world() as world:
        for _ in range(entries // BATCH):
            psql(world, APPEND % BATCH)
        psql(world, "VACUUM (ANALYZE) audit_logs")
        figures = [*measure_rates(world, pairs, compressed=False), *measure_rates(world, 2, compressed=True)]
        figures += [measure_others(world, pairs)]
    report(figures, "audit_export")


def measure_rates(world: World, pairs: int, *, compressed: bool) -> list[Figure]:
    """Entries a second over those of psql; without compression also how far resident memory grew meanwhile."""
    count = int(psql(world, "SELECT count(*) FROM audit_logs"))
    export(world, compressed=compressed)
    before = _resident(world, "VmRSS")
    Path(f"/proc/{world.service.process.pid}/clear_refs").write_text("5")  # proc(5): resets VmHWM
    times = [(export(world, compressed=compressed), copy(world)) for _ in range(pairs)]
    grown = _resident(world, "VmHWM") - before
    ratios = [theirs / ours for ours, theirs in times]
    ratio = statistics.median(ratios)
    ours, theirs = (count / statistics.median(pair[side] for pair in times) for side in (0, 1))
    rate = Figure(
        f"export of {count:,} entries{', gzip' if compressed else ''}",
        f"{ours:,.0f}/s",
        f"{theirs:,.0f}/s by psql",
        ratio,
        (min(ratios), max(ratios)),
        "none" if compressed else "≥ 0.7",
        met=compressed or ratio >= 0.7,
    )
    if compressed:
        return [rate]
    memory = Figure(
        "resident memory meanwhile", f"+{grown:.1f} MB", "32 MB", grown / 32, (grown / 32,) * 2, "≤ 1", met=grown <= 32
    )
    return [rate, memory]


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
    ratios = [busy / quiet for busy, quiet in found]
    ratio = statistics.median(ratios)
    busy, quiet = (statistics.median(pair[side] for pair in found) for side in (0, 1))
    return Figure(
        "GET /auth/test, p99 during an export",
        f"{busy * 1000:.2f} ms",
        f"{quiet * 1000:.2f} ms quiet",
        ratio,
        (min(ratios), max(ratios)),
        "≤ 2",
        met=ratio <= 2,
    )


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


def _resident(world: World, name: str) -> float:
    """Megabytes (proc(5))."""
    lines = Path(f"/proc/{world.service.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


if __name__ == "__main__":
    main()
