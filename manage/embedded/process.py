"""Child processes that never outlive their supervisor, and the lock that gives one folder to one supervisor."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TypedDict

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

StopPlan = Sequence[tuple[signal.Signals, float]]
"""Signals to try in this order, each with the seconds to wait for the end."""


class EmbeddedServerError(Exception):
    """An embedded server cannot do what was asked; the message is one sentence for the person at the terminal."""


class RunAs(TypedDict, total=False):
    """The arguments of ``subprocess`` that change the user; empty means: the current one."""

    user: int
    group: int
    extra_groups: list[int]


def spawn(
    command: Sequence[str],
    *,
    die_with: signal.Signals,
    run_as: RunAs | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, so that Ctrl-C in the terminal reaches only the supervisor.

    On Linux the kernel sends ``die_with`` to the child when the supervisor ends, even by ``kill -9``. It watches the
    *thread* that forked, so only the main thread may call this.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("start servers from the main thread: they die with the thread that started them")
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=cwd,
        env=env,
        start_new_session=True,
        # Runs after the change of user, which would erase the setting; it calls one function loaded before the fork.
        preexec_fn=_tie_to_parent(die_with),  # noqa: PLW1509
        **(run_as or {}),
    )


def _tie_to_parent(die_with: signal.Signals) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    prctl, parent = _LIBC.prctl, os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, int(die_with), 0, 0, 0)
        if os.getppid() != parent:  # the supervisor was killed before the kernel knew
            os._exit(1)

    return tie


def stop_process(process: subprocess.Popen[bytes], plan: StopPlan) -> int:
    """Try each signal of the plan until the process is gone; returns its exit code, negative for a signal."""
    for signum, patience in plan:
        if process.poll() is None:
            process.send_signal(signum)
            process.send_signal(signal.SIGCONT)  # a frozen process sees no signal but KILL before it is thawed
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    kill_group(process)
    return process.wait()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and what it started without leaving its session's process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.poll()


class FolderLock:
    """An advisory lock beside a folder. The kernel releases it when its holder ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise EmbeddedServerError that names the process holding it. Twice is once."""
        if self._descriptor is not None:
            return
        path = self._folder.with_name(f"{self._folder.name}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise EmbeddedServerError(
                f"{self._folder} is in use by another `make run` (process {holder}): "
                "stop that one first, or give this one its own folder with DATA_DIR."
            ) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would let two holders lock two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
