"""What the embedded servers have in common: a folder, a log, a child, a start that waits and a stop that ends."""

from __future__ import annotations

import os
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from subprocess import Popen
from typing import ClassVar, Final, Self

from manage.embedded.process import EmbeddedServerError, FolderLock, StopPlan, stop_process
from manage.embedded.sockets import make_private, remove_folder, socket_folder

POLL_SECONDS = 0.05

# Children inherit nothing else: PGPORT, PGOPTIONS, LANG and their like would change what the server does.
ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


class EmbeddedServer(ABC):
    """A server that lives as long as this object is started, and never longer than this process.

    Start and stop are synchronous and may be repeated; a server that was killed is started again by ``start``.
    """

    title: ClassVar[str]
    socket_name: ClassVar[str]
    stop_plan: ClassVar[StopPlan]

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None, *, start_timeout: float) -> None:
        self.data_dir = data_dir.absolute()
        self.settings = dict(settings or {})
        self.process: Popen[bytes] | None = None
        self._start_timeout = start_timeout
        self._lock: FolderLock | None = None
        self._socket_dir: Path | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log_path(self) -> Path:
        """Where the server writes; the log of the run before has ``.old`` appended."""
        return self.data_dir.with_name(f"{self.data_dir.name}.log")

    @property
    def socket_dir(self) -> Path:
        """The folder of the server's socket: the same after every restart."""
        return self._socket_dir or self.data_dir

    @property
    def pid(self) -> int:
        """The process id, for tests that kill or freeze the server."""
        assert self.process is not None, f"{self.title} was never started"
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process exists (frozen ones do)."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> Self:
        """Start and wait until clients are answered. Raises EmbeddedServerError with one sentence."""
        if self.is_running:
            return self
        try:
            self._prepare()
            self._rotate_log()
            self._launch()
            self._wait()
        except OSError as error:
            self.stop()
            reason = error.strerror or str(error)
            raise EmbeddedServerError(
                f"{self.title} cannot use {error.filename or self.data_dir}: {reason}."
            ) from error
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Shut down in the server's own quick and clean way; insist, and at last kill, when it does not react."""
        if self.process is not None:
            stop_process(self.process, self.stop_plan)
        if self._lock is not None:
            self._lock.release()
        if self.socket_dir != self.data_dir:
            remove_folder(self.socket_dir)

    @abstractmethod
    def _prepare(self) -> None:
        """Make folders and files ready; take the lock."""

    @abstractmethod
    def _launch(self) -> None:
        """Start the process."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether clients are served."""

    def _explain_early_end(self) -> EmbeddedServerError | None:
        """The error of a server that ended during its start; None when it is worth another launch."""
        return EmbeddedServerError(
            f"{self.title} stopped during its start: {self._last_words()} (log: {self.log_path})"
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + self._start_timeout
        while not self._answers():
            if not self.is_running:
                if error := self._explain_early_end():
                    raise error
                self._launch()
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"{self.title} did not answer within {self._start_timeout:.0f} s; its log is {self.log_path}."
                )
            time.sleep(POLL_SECONDS)

    def _acquire_lock(self) -> None:
        self._lock = self._lock or FolderLock(self.data_dir)
        self._lock.acquire()

    def _choose_socket_dir(self, owner: int) -> None:
        self._socket_dir = socket_folder(self.data_dir, self.socket_name)
        if self._socket_dir != self.data_dir:
            make_private(self._socket_dir, owner)

    def _rotate_log(self) -> None:
        if self.log_path.exists():
            self.log_path.replace(self.log_path.with_name(f"{self.log_path.name}.old"))

    def _last_words(self) -> str:
        lines = [line for line in self.log_path.read_text(errors="replace").splitlines() if line.strip()]
        telling = [line for line in lines if "FATAL" in line or "PANIC" in line]
        words = (telling or lines or ["it said nothing"])[-1]
        return re.sub(r"^.*?(FATAL|PANIC): +", "", words)
