"""Mail for real: an SMTP server that accepts, refuses, hangs and dies."""

from __future__ import annotations

import asyncio
import itertools
import socket
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from common.outbox.queries import lease_jobs
from tests.support.apps import services_of
from tests.support.post import APP, Letter, PostOffice, new_worker, post_office
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.servers import PLATFORM_KEY, Servers
from tests.support.world import TestTenant, create_tenant

NUMBERS = itertools.count(1)
NAUGHTY = "Eve\r\nBcc: spy@evil.example\r\n\r\n<script>alert(1)</script>"


class Postman:
    """What the SMTP server does with a mail: ``answer`` is its reply."""

    def __init__(self) -> None:
        self.answer = "250 OK"
        self.received: list[Envelope] = []
        self.tried = 0
        self.arrived = threading.Event()
        self.gate = threading.Event()  # closed: mails wait, and are refused when it opens

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Called by the server for every mail."""
        self.tried += 1
        self.arrived.set()
        if not self.gate.is_set():
            await asyncio.to_thread(self.gate.wait)
            return "451 4.3.0 that took too long"
        if self.answer.startswith("250"):
            self.received.append(envelope)
        return self.answer

    def letters(self) -> list[Letter]:
        """What was accepted."""
        return [Letter.read(_content(envelope)) for envelope in self.received]


def _content(envelope: Envelope) -> bytes:
    assert isinstance(envelope.content, bytes)
    return envelope.content


@pytest.fixture(scope="module")
def postman() -> Postman:
    """The server's handler."""
    return Postman()


@pytest.fixture(scope="module")
def smtp(postman: Postman) -> Iterator[Controller]:
    """A real SMTP server on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(postman, hostname="127.0.0.1", port=port, enable_SMTPUTF8=True)
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture(scope="module")
async def house(
    servers: Servers, smtp: Controller, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PostOffice]:
    """An application that mails through that server."""
    folder = tmp_path_factory.mktemp("house")
    settings: dict[str, Any] = {"smtp_host": smtp.hostname, "smtp_port": smtp.port, "smtp_tls": "none"}
    async with post_office(servers, folder, **settings, mail_from="Travel <no-reply@travel.example>") as opened:
        yield opened


@pytest.fixture(scope="module")
async def town(house: PostOffice) -> TestTenant:
    """A tenant of it."""
    return await create_tenant(house.http, "tenant_town")


@pytest.fixture(autouse=True)
async def _empty(house: PostOffice, town: TestTenant, postman: Postman) -> None:
    """No mail is under way."""
    postman.answer = "250 OK"
    postman.gate.set()
    await house.skip_waits()
    await house.deliver()
    postman.received.clear()
    postman.tried = 0


async def ask(town: TestTenant) -> None:
    """Order one mail, to the owner."""
    # By way of an administrator: unlike forgotten passwords these are not limited.
    answer = await town.owner.post(f"/users/{town.people['owner'].id}/password-reset")
    assert answer.status_code == 202


async def test_a_mail_has_text_and_html_in_the_reader_s_language(
    house: PostOffice, town: TestTenant, postman: Postman
) -> None:
    body = {"email": "eleni@twin.example", "username": "eleni", "full_name": "Ελένη", "locale": "el-GR"}
    await town.owner.post("/users", json=body, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})

    await house.deliver()

    (letter,) = postman.letters()
    (envelope,) = postman.received
    assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@travel.example", ["eleni@twin.example"])
    assert letter.message["From"] == "Travel <no-reply@travel.example>"
    assert letter.message["Auto-Submitted"] == "auto-generated"
    assert letter.subject == "Ο νέος σας λογαριασμός"
    assert letter.message.get_content_type() == "multipart/alternative"
    for kind in ("plain", "html"):
        assert "Γεια σας Ελένη" in letter.body(kind)
        assert "evil" not in letter.body(kind)
    assert 'lang="el"' in letter.body("html")
    assert letter.link.startswith(f"{APP}/reset-password?tenant=tenant_town&token=")


async def test_names_and_addresses_inject_nothing(house: PostOffice, town: TestTenant, postman: Postman) -> None:
    odd = '"<a>,b;c:"@twin.example'
    created = await town.owner.post("/users", json={"email": odd, "username": "eve", "full_name": NAUGHTY})
    assert created.status_code == 201, created.text
    for hostile in (
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example\nX: y",
        "a b@c.example",
        "a@b@c.example",
        "a@b\0.c",
    ):
        refused = await town.owner.post("/users", json={"email": hostile, "username": "mallory"})
        assert refused.status_code == 422

    await house.deliver()

    (envelope,) = postman.received
    (letter,) = postman.letters()
    assert len(envelope.rcpt_tos) == 1
    assert set(letter.message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert letter.message["Bcc"] is None
    assert "<script>" not in letter.body("html")
    assert "&lt;script&gt;" in letter.body("html")


@pytest.mark.parametrize("address", ["μαρία@twin.example", "maria@ελλάδα.example", "μαρία@ελλάδα.example"])
async def test_addresses_of_any_script_are_mailed(
    house: PostOffice, town: TestTenant, postman: Postman, address: str
) -> None:
    body = {"email": address, "username": f"user{next(NUMBERS)}"}
    assert (await town.owner.post("/users", json=body)).status_code == 201

    await house.deliver()

    (envelope,) = postman.received
    local, _, domain = envelope.rcpt_tos[0].rpartition("@")
    assert (local, domain) == (address.rpartition("@")[0], address.rpartition("@")[2].encode("idna").decode())
    assert await house.jobs() == []


@pytest.mark.promise("S8")
async def test_what_the_server_refuses_is_sent_later_and_once(
    house: PostOffice, town: TestTenant, postman: Postman
) -> None:
    postman.answer = "451 4.3.0 come back later"
    await ask(town)

    await house.deliver()
    await house.deliver()

    (job,) = await house.jobs()
    assert (postman.tried, job["attempts"], job["status"]) == (1, 1, "pending")
    assert "451" in job["last_error"]
    postman.answer = "250 OK"
    await house.skip_waits()
    for _ in range(3):
        await house.deliver()
        await house.skip_waits()
    assert (postman.tried, len(postman.received), await house.jobs()) == (2, 1, [])


@pytest.mark.promise("S8")
async def test_a_hanging_server_delays_no_request_and_a_killed_worker_loses_no_mail(
    house: PostOffice, town: TestTenant, postman: Postman
) -> None:
    postman.gate.clear()
    postman.arrived.clear()
    await ask(town)
    first = asyncio.create_task(house.worker.run_once())
    assert await asyncio.to_thread(postman.arrived.wait, 10)
    assert house.app.state.services.database.pool_state()["in_use"] == 0  # a mail under way holds no connection
    for _ in range(3):
        await ask(town)
        assert (await town.owner.get("/auth/me")).status_code == 200

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    postman.gate.set()
    await house.deliver()

    # The killed worker's lease is not over: nobody else touches its job until then.
    assert (len(postman.received), len(await house.jobs())) == (3, 1)
    await house.skip_waits()
    await house.deliver()
    assert (len(postman.received), await house.jobs()) == (4, [])


async def test_many_workers_send_each_mail_once(house: PostOffice, town: TestTenant, postman: Postman) -> None:
    for _ in range(24):
        await ask(town)

    await asyncio.gather(*(_work(house) for _ in range(4)))

    assert len(postman.received) == 24
    assert len({letter.token for letter in postman.letters()}) == 24
    assert await house.jobs() == []


async def test_a_lease_takes_no_more_than_asked_whatever_the_planner_knows(house: PostOffice, town: TestTenant) -> None:
    """Statistics of a table with one row, such as an ANALYZE at a quiet moment leaves them, ask for a nested loop."""
    await ask(town)
    async with owner_connection(house.config, "system") as owner:
        await owner.execute("ANALYZE outbox")
    for _ in range(4):
        await ask(town)

    async with services_of(house.app).database.system_bookkeeping() as unit:
        leased = await lease_jobs(unit, limit=1, lease=timedelta(minutes=2))

    assert len(leased) == 1
    await house.skip_waits()
    await house.deliver()
    assert await house.jobs() == []


async def _work(house: PostOffice) -> None:
    worker = new_worker(house.app)
    while await worker.run_once():
        pass


async def test_a_mail_that_never_works_is_set_aside_and_shown(
    house: PostOffice, town: TestTenant, postman: Postman
) -> None:
    postman.answer = "550 5.1.1 nobody here"
    await ask(town)

    for _ in range(15):
        await house.deliver()
        await house.skip_waits()

    (job,) = await house.jobs()
    assert (job["status"], job["attempts"], postman.tried) == ("dead", 12, 12)
    assert "550" in job["last_error"]
    assert "token" not in str(job)


async def test_a_server_that_is_not_there_costs_a_try(servers: Servers, tmp_path: Path) -> None:
    async with post_office(servers, tmp_path, smtp_host="127.0.0.1", smtp_port=1, smtp_tls="none") as lonely:
        tenant = await create_tenant(lonely.http, "tenant_lonely")
        answer = await tenant.anonymous.post("/auth/password/forgot", json={"email": "owner@twin.example"})
        assert answer.status_code == 202

        await lonely.deliver()

        (job,) = await lonely.jobs()
        assert (job["attempts"], job["status"]) == (1, "pending")


@pytest.mark.promise("I8")
async def test_without_a_server_mails_are_files_for_their_owner_only(office: PostOffice, branch: TestTenant) -> None:
    answer = await branch.owner.post(f"/users/{branch.people['viewer'].id}/password-reset")
    assert answer.status_code == 202

    while await office.worker.run_once():
        pass

    (path,) = office.folder.iterdir()
    assert path.suffix == ".eml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(office.folder.stat().st_mode) == 0o700
    assert Letter.read(path.read_bytes()).to == branch.people["viewer"].email
    path.unlink()


async def test_a_suspended_tenant_sends_nothing(office: PostOffice) -> None:
    tenant = await create_tenant(office.http)
    await tenant.owner.post(f"/users/{tenant.people['owner'].id}/password-reset")
    changed = await office.http.patch(
        f"/api/v1/platform/tenants/{tenant.name.removeprefix('tenant_')}",
        json={"status": "suspended"},
        headers={"X-Platform-Key": PLATFORM_KEY},
    )
    assert changed.status_code == 200, changed.text

    assert await office.deliver() == []
    assert await office.jobs() == []
    problem_of(await tenant.owner.get("/auth/me"), 403, "tenant_suspended")
