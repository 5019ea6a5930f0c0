"""The calendar feed's figures: ``python -m benchmarks.feed [--fast]``.

A feed of 5,000 events, one in ten of them recurring and changed in one occurrence, read whole and read by who has it
already, in turns, in one run. See ``benchmarks.figures`` for how figures are read.
"""

from __future__ import annotations

import time
from typing import Final

import httpx

from benchmarks.figures import Figure, Pace, against_limit, at_most
from benchmarks.servers import API, World, ask, psql

EVENTS: Final = 5_000
GOAL: Final = 1.0  # seconds
# As an agency's days are: of an hour, in three time zones, with some words each.
FILL: Final = """
INSERT INTO events (id, title, description, location, starts_at, ends_at, last_ends_at, timezone, rrule, reminders,
                    join_url, created_by)
SELECT gen_random_uuid(), 'Ξενάγηση, ομάδα ' || number, repeat('Guide, driver and guests; see the list. ', 5),
       'Lobby of hotel ' || number %% 40, starts_at, starts_at + interval '1 hour',
       CASE WHEN number %% 10 > 0 THEN starts_at + interval '1 hour' END,
       (ARRAY['Europe/Athens', 'America/New_York', 'UTC'])[number %% 3 + 1],
       CASE WHEN number %% 10 = 0 THEN 'FREQ=WEEKLY' END, '[{"offset_minutes": 30}]', 'https://meet.example/' || number,
       (SELECT id FROM users WHERE username = 'owner')
FROM (SELECT number, now() + number * interval '1 hour' AS starts_at
      FROM generate_series(1, %d) AS number) AS made;
INSERT INTO event_overrides (event_id, original_starts_at, title)
SELECT id, starts_at + interval '7 days', 'Another guide' FROM events WHERE rrule IS NOT NULL
"""


def measure(world: World, pace: Pace) -> list[Figure]:
    """Fill a calendar, and measure."""
    psql(world, FILL % EVENTS)
    psql(world, "VACUUM (ANALYZE) events, event_overrides")
    made = ask(world.service.port, "POST", f"{API}/tools/events/feeds", world.headers, json={"name": "Bench"})
    return measure_feed(world, made.json()["url"], 5 if pace.fast else 20)


def measure_feed(world: World, path: str, rounds: int) -> list[Figure]:
    """Seconds of a whole feed, and of the answer that it has not changed."""
    whole, unchanged, size = [], [], 0
    with httpx.Client(base_url=f"http://127.0.0.1:{world.service.port}", trust_env=False, timeout=60) as client:
        first = client.get(path)
        if first.text.count("BEGIN:VEVENT") != EVENTS + EVENTS // 10:
            raise RuntimeError(f"the feed has {first.text.count('BEGIN:VEVENT')} events: {first.text[:300]}")
        size = len(first.content)
        for _ in range(rounds):
            whole.append(_seconds(client, path, {}, 200))
            unchanged.append(_seconds(client, path, {"If-None-Match": first.headers["ETag"]}, 304))
    return [
        against_limit(f"feed of {EVENTS:,} events, {size / 1e6:.1f} MB", whole, "s", GOAL, max(whole)),
        Figure.of("the same, unchanged (304)", list(zip(unchanged, whole, strict=True)), "s", "whole", at_most(0.2)),
    ]


def _seconds(client: httpx.Client, path: str, headers: dict[str, str], status: int) -> float:
    started = time.perf_counter()
    answer = client.get(path, headers=headers)
    taken = time.perf_counter() - started
    if answer.status_code != status:
        raise RuntimeError(f"the feed answered {answer.status_code}")
    return taken
