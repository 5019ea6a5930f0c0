"""The database, or the service, killed with -9 under write load: what was acknowledged is there, with its entry."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from functools import partial
from typing import Final

import pytest

from tests.embedded.processes import is_gone, wait_for
from tests.faults.conftest import WORKERS, Breakable
from tests.faults.figures import milliseconds, note, percentile, within
from tests.faults.ledger import Comparison, compare
from tests.faults.load import PATIENCE, Load, writing
from tests.support.groups import Group

KILLS: Final = 20
WRITES: Final = 10_000
FIRST_SECONDS: Final = 2.0  # after the database's return
ALL_SECONDS: Final = 5.0
EACH: Final = 8  # writers with each process
WRITES_EACH: Final = 100  # between two kills of the service


def settle(load: Load, group: Group, people: list[dict[str, str]]) -> Comparison:
    """Compare the ledger; and every tenant's log must prove itself."""
    for headers in people:
        verdict = group.ask("POST", "/settings/audit-logs/verify", headers).json()
        assert verdict["ok"], verdict
    return asyncio.run(compare(load.ledger, group.config))


def check(found: Comparison, load: Load) -> None:
    """No promise was broken."""
    assert (found.lost, found.without_entry, found.without_note) == ([], [], [])
    assert load.odd == []


@pytest.mark.promise("D1", "D2", "S2")
def test_killing_the_database_under_load_loses_nothing_that_was_acknowledged(
    group: Group, postgres: Breakable, people: list[dict[str, str]]
) -> None:
    """Now all of its processes at once, now the first alone, whose children may still answer for a moment."""
    first, everybody = list[float](), list[float]()
    with writing(group, people, EACH) as load:
        for kill in range(KILLS):
            load.wait_for_writes((kill + 1) * WRITES // KILLS)
            postgres.kill(children=kill % 2 == 0)
            back = postgres.start()
            first += load.wait_for_success(back)
            everybody.append(max(load.wait_for_success(back, group.workers())))
    found = settle(load, group, people)

    statuses = load.statuses()
    note(
        f"PostgreSQL killed with -9, {KILLS} times under write load",
        seen=f"503 with Retry-After while it was away ({statuses.get(503, 0)} of {len(load.tries)} requests)",
        measured=f"{load.ledger.writes} writes acknowledged, {len(found.lost)} lost; first success at most "
        f"{milliseconds(max(first))} after its return (median {milliseconds(percentile(first, 0.5))}), "
        f"both processes {milliseconds(max(everybody))}",
    )
    check(found, load)
    assert load.ledger.writes >= WRITES
    # Twenty recoveries make one that was slow by chance likely: the next slowest says what the service does.
    within(sorted(first)[-2], FIRST_SECONDS)
    within(sorted(everybody)[-2], ALL_SECONDS)


@pytest.mark.promise("D1", "D2")
def test_killing_the_service_s_processes_under_load_loses_nothing_that_was_acknowledged(
    group: Group, people: list[dict[str, str]]
) -> None:
    """Both processes at once, which their supervisor replaces; at last the supervisor too."""
    rounds = KILLS // WORKERS
    with writing(group, people, EACH) as load:
        for number in range(rounds):
            load.wait_for_writes(load.ledger.writes + WRITES_EACH)
            victims = group.workers()
            if number < rounds - 1:
                for victim in victims:
                    os.kill(victim, signal.SIGKILL)
            else:
                group.kill()
                group.launch()
            for victim in victims:
                wait_for(partial(is_gone, victim), PATIENCE)
        load.wait_for_success(time.monotonic())
    group.wait()
    found = settle(load, group, people)

    note(
        f"The service's processes killed with -9, {KILLS} in all, under write load",
        seen=f"broken connections ({load.statuses().get(0, 0)} of {len(load.tries)} tries), no other error",
        measured=f"{load.ledger.writes} writes acknowledged, {len(found.lost)} lost",
    )
    check(found, load)
