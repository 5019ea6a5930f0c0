"""The machine: what it is, and which of its processors a process may use."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
# What is measured has a processor for itself, as far as there is more than one; who asks, and PostgreSQL, share the
# others. Where nothing can be pinned, both are empty.
MEASURED: Final = frozenset(CORES[:1])
OTHERS: Final = frozenset(CORES[1:] or CORES)


def pin(pid: int, cores: Collection[int]) -> None:
    """Let a process, and what it starts from now on, run on these processors only."""
    if cores:
        os.sched_setaffinity(pid, cores)


@contextmanager
def pinned(pid: int) -> Iterator[None]:
    """Let a process that is measured have its own processor, until the block ends."""
    pin(pid, MEASURED)
    try:
        yield
    finally:
        pin(pid, CORES)


@contextmanager
def free(pid: int) -> Iterator[None]:
    """Let a server that was kept off a processor, and the processes that it has started, use all of them until the
    block ends: for what nobody else is measured with."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    family = [pid, *map(int, children)]
    for one in family:
        pin(one, CORES)
    try:
        yield
    finally:
        for one in family:
            with suppress(ProcessLookupError):  # it may have ended
                pin(one, OTHERS)


def describe(postgresql: str) -> dict[str, Any]:
    """What readers of the figures want to know of the machine."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": len(CORES) or os.cpu_count(),
        "memory_gib": round(int(_first("/proc/meminfo", "MemTotal").split()[0] or 0) / 1024**2, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql": postgresql,
    }


def _first(path: str, name: str) -> str:
    lines = Path(path).read_text().splitlines() if Path(path).exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "0")
