"""What a benchmark finds, and the usual way to find it: the service and something bare in turns, A B A B, in one run.

Machines differ, and a shared one differs from itself. What counts is the median of the turns' ratios; the lowest and
the highest stand beside it.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal, Self

from benchmarks.load import Order
from benchmarks.machine import pinned
from benchmarks.servers import Server, World, collect, load
from benchmarks.wrk import Request, fire, insist

ALLOWED: Final = "allowed"  # the baseline of what only has a limit


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is measured."""

    pairs: int
    seconds: float
    fast: bool

    @classmethod
    def of(cls, *, fast: bool) -> Self:
        """For a first look, or for figures to be kept."""
        return cls(2, 0.5, fast=True) if fast else cls(9, 1.5, fast=False)


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio has to be."""

    sign: Literal["≥", "≤"]
    ratio: float

    def is_met(self, ratio: float) -> bool:
        """Whether it is."""
        return ratio >= self.ratio if self.sign == "≥" else ratio <= self.ratio

    def __str__(self) -> str:
        return f"{self.sign} {self.ratio:g}"


def at_least(ratio: float) -> Goal:
    """The more the better."""
    return Goal("≥", ratio)


def at_most(ratio: float) -> Goal:
    """The less the better."""
    return Goal("≤", ratio)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``baseline`` says what ``theirs``, in the same unit, was taken from; ``spread`` is the
    lowest and the highest of the turns' ratios. One without a goal says how another came about."""

    name: str
    value: float
    unit: str
    theirs: float
    baseline: str
    ratio: float
    spread: tuple[float, float]
    goal: Goal | None

    @classmethod
    def of(
        cls, name: str, turns: Sequence[tuple[float, float]], unit: str, baseline: str, goal: Goal | None = None
    ) -> Self:
        """Of the turns' measurements, ours beside theirs."""
        ratios = [ours / theirs for ours, theirs in turns]
        ours, theirs = (statistics.median(turn[side] for turn in turns) for side in (0, 1))
        return cls(name, ours, unit, theirs, baseline, statistics.median(ratios), (min(ratios), max(ratios)), goal)

    @property
    def met(self) -> bool:
        """Whether the goal is reached; true without one."""
        return self.goal is None or self.goal.is_met(self.ratio)


def against_limit(name: str, measured: Sequence[float], unit: str, limit: float, value: float | None = None) -> Figure:
    """What must not be more than ``limit``; ``value`` is what counts of the measurements, their median by default."""
    counted = statistics.median(measured) if value is None else value
    ends = (min(measured) / limit, max(measured) / limit)
    return Figure(name, counted, unit, limit, ALLOWED, counted / limit, ends, at_most(1))


@dataclass(frozen=True, slots=True)
class Asked:
    """A server, and what it is asked in turn."""

    server: Server
    requests: Sequence[Request]

    def measure(self, seconds: float) -> tuple[float, float]:
        """Answers a second, and microseconds of the server's processor time for each."""
        before = self.server.cpu()
        answers = fire(self.server.port, self.requests, max(1.0, seconds))
        return answers.rate, (self.server.cpu() - before) / answers.count * 1e6


def measure_route(world: World, pace: Pace, request: Request, goal: float, *, remark: str = "") -> list[Figure]:
    """Requests a second of one route of the service over those of its bare twin (B1). Twice: where both write their
    access line, and where neither does."""
    name = f"{request.method} {request.path.removeprefix('/api/v1')}{remark}"
    sides = {name: (world.service, world.bare), f"{name}; no access lines": (world.silent_service, world.silent_bare)}
    return [
        compare(title, Asked(ours, [request]), Asked(bare, [request]), pace, "bare route", at_least(goal))
        for title, (ours, bare) in sides.items()
    ]


def compare(  # noqa: PLR0917 - all of it is what is compared
    name: str, ours: Asked, theirs: Asked, pace: Pace, baseline: str, goal: Goal
) -> Figure:
    """Answers a second of two servers, in turns, each with a processor for itself in its turn; beside them what an
    answer costs it. Raises RuntimeError if one of them answers otherwise than it should, before or after."""
    with pinned(ours.server.process.pid), pinned(theirs.server.process.pid):
        for one in (ours, theirs):
            insist(one.server.port, one.requests[0])
            fire(one.server.port, one.requests, 1)
        turns = [(ours.measure(pace.seconds), theirs.measure(pace.seconds)) for _ in range(pace.pairs)]
        for one in (ours, theirs):
            insist(one.server.port, one.requests[0])
    our_cpu, their_cpu = (statistics.median(turn[side][1] for turn in turns) for side in (0, 1))
    rates = [(ours, theirs) for (ours, _), (theirs, _) in turns]
    return Figure.of(name, rates, "/s", f"{baseline}; {our_cpu:.0f} and {their_cpu:.0f} µs CPU", goal)


def rate(server: Server, order: Order, seconds: float) -> tuple[float, float]:
    """Answers a second, and microseconds of the server's processor time for each. Raises RuntimeError if any answer was
    not 200."""
    before = server.cpu()
    found = collect(load(Order(**{**asdict(order), "port": server.port, "seconds": seconds})))
    good = found.statuses.get("200", 0)
    if good != sum(found.statuses.values()):
        raise RuntimeError(f"{order.path} answered {found.statuses}")
    return found.rate(), (server.cpu() - before) / good * 1e6
