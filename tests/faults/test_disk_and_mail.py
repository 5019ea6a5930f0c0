"""A disk without room for files, and a mail server that takes connections and says nothing: everything else goes on."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.embedded.processes import wait_for
from tests.faults.conftest import WORKERS, Breakable
from tests.faults.crowd import Question, asking
from tests.faults.figures import milliseconds, note, once_more, percentile, within
from tests.support.apps import connect
from tests.support.groups import Group, running_group
from tests.support.servers import Servers
from tests.support.world import API
from tests.test_integration import free_port

ROOM: Final = 3 * 1024**2  # bytes that a file may have before the disk is full
MAILS: Final = 12
QUICK: Final = 0.5  # seconds, at the 95th percentile, while a mail server hangs; a request waits for none
HANGING_SECONDS: Final = 3.0


@pytest.mark.promise("S8", "D2")
async def test_a_full_disk_refuses_files_and_nothing_else(
    servers: Servers, postgres: Breakable, tmp_path: Path
) -> None:
    """Full for the service: beyond a size the kernel lets it write no file, as if there were no room (setrlimit(2))."""
    config = servers.config(postgres.server.url("service"), redis_url="none", max_upload_bytes=64 * 1024**2)
    with running_group(config, tmp_path) as group:
        names = [f"tenant_disk_{time.time_ns()}_{number}" for number in range(2)]
        people = [await asyncio.to_thread(group.sign_in, name) for name in names]
        limits = resource.prlimit(group.process.pid, resource.RLIMIT_FSIZE)
        kept = [await _upload(group, headers, b"kept") for headers in people]
        resource.prlimit(group.process.pid, resource.RLIMIT_FSIZE, (ROOM, limits[1]))
        refused = [await _upload(group, headers, b"x" * (8 * ROOM)) for headers in people for _ in range(5)]
        small = [await _upload(group, headers, b"small enough") for headers in people]
        notes = [
            await asyncio.to_thread(group.ask, "POST", "/tools/notes", headers, json={"title": "meanwhile"})
            for headers in people
        ]
        resource.prlimit(group.process.pid, resource.RLIMIT_FSIZE, limits)
        after = [await _upload(group, headers, b"y" * (8 * ROOM)) for headers in people]
        rows = [await _rows(config.owner_url, name) for name in names]
        files = [_files(group, name) for name in names]

    note(
        "Disk of the attachments full",
        seen="503 with Retry-After for files, everything else as always; files again once there is room",
        measured=f"{len(refused)} uploads refused, 0 rows and 0 files of them left",
    )
    assert {answer for answer, _ in kept + small + after} == {201}
    assert {answer for answer, _ in refused} == {503}
    assert all(retry for _, retry in refused)
    assert {answer.status_code for answer in notes} == {201}
    assert rows == files == [3, 3]


async def _upload(group: Group, headers: dict[str, str], content: bytes) -> tuple[int, bool]:
    """The status of an upload, and whether it says when to come back."""
    form = {"file": ("file.txt", content, "text/plain")}
    answer = await asyncio.to_thread(group.ask, "POST", "/tools/attachments", headers, files=form)
    return answer.status_code, "Retry-After" in answer.headers


async def _rows(url: str, tenant: str) -> int:
    async with connect(url) as owner:
        return int(await owner.fetchval(f"SELECT count(*) FROM {tenant}.attachment_contents"))


def _files(group: Group, tenant: str) -> int:
    """Whole files and unfinished ones."""
    return sum(path.is_file() for path in (group.data / "attachments" / tenant).rglob("*"))


class Postman:
    """Receives mails, and remembers them."""

    def __init__(self) -> None:
        self.received: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The end of a mail."""
        del server, session
        assert isinstance(envelope.content, bytes)
        self.received.append(envelope.content.decode())
        return "250 OK"


@contextmanager
def silent_server(port: int) -> Iterator[list[socket.socket]]:
    """Takes every connection, and never says a word."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", port)) as listening:

        def take() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield taken
        listening.shutdown(socket.SHUT_RDWR)
    for each in taken:
        each.close()
    thread.join(10)


@pytest.mark.promise("S8")
@once_more
async def test_a_mail_server_that_hangs_slows_nobody_and_gets_each_mail_once(
    servers: Servers, postgres: Breakable, tmp_path_factory: pytest.TempPathFactory
) -> None:
    port, postman = free_port(), Postman()
    config = servers.config(
        postgres.server.url("service"), redis_url="none", smtp_host="127.0.0.1", smtp_port=port, smtp_tls="none"
    )
    with running_group(config, tmp_path_factory.mktemp("mail"), workers=WORKERS) as group:
        names = [f"tenant_mail_{time.time_ns()}_{number}" for number in range(2)]
        people = [await asyncio.to_thread(group.sign_in, name) for name in names]
        asked = [await asyncio.to_thread(group.ask, "GET", "/auth/me", headers) for headers in people]
        users = [answer.json()["user"]["id"] for answer in asked]
        questions = [Question("me", "GET", f"{API}/users", headers) for headers in people]
        with silent_server(port) as taken:
            async with asking(group.port, questions, pause=0.05) as crowd:
                ordered = [
                    await asyncio.to_thread(
                        group.ask, "POST", f"/users/{users[number % 2]}/password-reset", people[number % 2]
                    )
                    for number in range(MAILS)
                ]
                await asyncio.to_thread(wait_for, lambda: len(taken) >= 1, 30)
                await asyncio.sleep(HANGING_SECONDS)
        controller = Controller(postman, hostname="127.0.0.1", port=port)
        controller.start()
        began = time.monotonic()
        try:
            await asyncio.to_thread(wait_for, lambda: len(postman.received) >= MAILS, 90)
            delivered = time.monotonic() - began
            await asyncio.sleep(3)
        finally:
            controller.stop()

    slow = percentile([reply.seconds for reply in crowd.of()], 0.95)
    note(
        "Mail server takes connections and hangs",
        seen="nothing; the mails come later",
        measured=f"requests meanwhile {milliseconds(slow)} at the 95th percentile; {MAILS} mails ordered, "
        f"{len(postman.received)} delivered within {delivered:.0f} s of its return",
    )
    assert {answer.status_code for answer in ordered} == {202}
    assert set(crowd.statuses()) == {200}
    assert len(postman.received) == len(set(postman.received)) == MAILS
    within(slow, QUICK)
