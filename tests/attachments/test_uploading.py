"""Receiving files: once per tenant, within the quota, whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from common.clock import now
from common.config import Config
from tests.attachments.conftest import Stored
from tests.support.apps import registered, running, services_of
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.raw import send_raw
from tests.support.servers import Servers
from tests.support.things import word
from tests.support.uploads import ATTACHMENTS, download, form, upload
from tests.support.world import API, Api, TestTenant, create_tenant
from tools.attachments.sweeping import sweep

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
HTML = b"<!DOCTYPE html><script>alert(1)</script>"
SVG = b'<?xml version="1.0"?>\n<!-- --><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


@pytest.fixture(scope="module")
async def refusing(http: httpx.AsyncClient) -> TestTenant:
    """A tenant for what is refused."""
    return await create_tenant(http)


@pytest.fixture
async def clean(refusing: TestTenant, config: Config, stored: Stored) -> AsyncIterator[TestTenant]:
    """The same; nothing may be left in it, neither row nor file."""
    yield refusing
    assert (await rows(config, refusing), await stored(refusing)) == ((0, 0, 0), {})


async def rows(config: Config, tenant: TestTenant) -> tuple[int, int, int]:
    """How many attachments and contents there are, and how many bytes are counted as used."""
    async with owner_connection(config, tenant.name) as owner:
        counted = await owner.fetchrow(
            """SELECT (SELECT count(*) FROM attachments), (SELECT count(*) FROM attachment_contents),
                      coalesce((SELECT used_bytes FROM attachment_usage), 0)"""
        )
    return tuple(counted)


@pytest.mark.promise("T1")
async def test_a_content_is_stored_once_in_each_tenant(
    http: httpx.AsyncClient, tenant: TestTenant, other: TestTenant, config: Config, stored: Stored
) -> None:
    content = word().encode() * 100_000
    before = await stored(other)

    made = await asyncio.gather(*(upload(tenant.owner, content, f"{number}.txt") for number in range(16)))
    theirs = await upload(other.owner, content)

    assert len({one["id"] for one in made}) == 16
    assert {one["sha256"] for one in [*made, theirs]} == {hashlib.sha256(content).hexdigest()}
    assert list((await stored(tenant)).values()) == [len(content)]
    assert len(await stored(other)) == len(before) + 1
    assert await rows(config, tenant) == (16, 1, len(content))
    assert (await download(tenant.owner, made[7])).content == content


@pytest.mark.promise("D4")
async def test_the_quota_holds_under_parallel_uploads(tenant: TestTenant, config: Config, stored: Stored) -> None:
    await tenant.owner.put("/settings/attachments.quota_bytes", json={"value": 100_000})

    answers = await asyncio.gather(
        *(tenant.owner.post(ATTACHMENTS, **form(os.urandom(4_500).hex().encode())) for _ in range(24))
    )

    assert Counter(answer.status_code for answer in answers) == {201: 11, 409: 13}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"quota_exceeded"}
    assert await rows(config, tenant) == (11, 11, 99_000)
    assert list((await stored(tenant)).values()) == [9_000] * 11
    known = next(answer.json() for answer in answers if answer.status_code == 201)
    again = await upload(tenant.owner, (await download(tenant.owner, known)).content)
    assert again["sha256"] == known["sha256"]  # takes no room


async def test_what_a_file_is_its_bytes_say(twin: TestTenant) -> None:
    answer = await twin.owner.post(ATTACHMENTS, **form(PNG + os.urandom(64), "photo.jpg", "image/jpeg"))

    assert (answer.status_code, answer.json()["media_type"], answer.json()["file_name"]) == (
        201,
        "image/png",
        "photo.jpg",
    )


@pytest.mark.parametrize(
    ("content", "name", "declared"),
    [
        (HTML, "photo.png", "image/png"),
        (SVG, "photo.svg", "image/svg+xml"),
        (SVG, "photo.png", "image/png"),
        (b"alert(1)", "script.js", "text/plain"),
        (b"#!/bin/sh\nrm -r /", "readme.txt", "text/plain"),
        (b"MZ\x90\0\x03" + bytes(64), "invoice.pdf", "application/pdf"),
        (b"\x7fELF\x02\x01" + bytes(64), "x", "application/octet-stream"),
        (b"<?php system($_GET[0]);", "a.txt", "text/plain"),
    ],
)
async def test_what_would_be_run_is_refused(clean: TestTenant, content: bytes, name: str, declared: str) -> None:
    answer = await clean.owner.post(ATTACHMENTS, **form(content, name, declared))

    problem_of(answer, 415, "file_type_refused")


async def test_a_tenant_that_wants_it_can_have_it_but_not_shown(tenant: TestTenant) -> None:
    await tenant.owner.put("/settings/attachments.allowed_types", json={"value": ["text/html", "image/*"]})

    made = await upload(tenant.owner, HTML, "page.png")
    refused = await tenant.owner.post(ATTACHMENTS, **form(b"plain text"))
    answer = await download(tenant.owner, made)

    assert (made["media_type"], refused.status_code) == ("text/html", 415)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    wrong = await tenant.owner.put("/settings/attachments.allowed_types", json={"value": ["nonsense"]})
    assert wrong.status_code == 422


@pytest.mark.promise("S7")
async def test_a_file_has_a_limit(tenant: TestTenant, config: Config, stored: Stored) -> None:
    await tenant.owner.put("/settings/attachments.max_bytes", json={"value": 2_000_000})

    fits = await tenant.owner.post(ATTACHMENTS, **form(b"x" * 2_000_000))
    refused = await tenant.owner.post(ATTACHMENTS, **form(b"x" * 2_000_001))

    assert fits.status_code == 201
    problem_of(refused, 413, "file_too_large")
    assert len(await stored(tenant)) == 1
    async with owner_connection(config, tenant.name) as owner:
        assert await owner.fetchval("SELECT count(*) FROM attachments") == 1


@pytest.mark.promise("S7")
async def test_the_body_around_a_file_has_one_too(servers: Servers, http: httpx.AsyncClient) -> None:
    changes = {"max_upload_bytes": 4096}
    async with running(servers.config(servers.new_database(), **changes)) as (_, client):
        tenant = await create_tenant(client)
        answer = await tenant.owner.post(ATTACHMENTS, **form(b"x" * (1024**2 + 5000)))
        small = await tenant.owner.post(ATTACHMENTS, **form(b"x" * 4097))

    problem_of(answer, 413, "body_too_large")
    problem_of(small, 413, "file_too_large")


def part(name: bytes, content: bytes = b"x", *, file: bytes | None = None) -> bytes:
    """A part of a form, with the boundary before it."""
    more = b"" if file is None else b'; filename="%s"' % file
    return b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name, more, content)


FILE = part(b"file", file=b"a.txt")
BAD_FORMS: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "multipart_invalid"),
    "JSON": (b'{"file": "x"}', 400, "multipart_invalid"),
    "cut off in a header": (FILE[:30], 400, "multipart_invalid"),
    "cut off in the file": (FILE, 400, "multipart_invalid"),
    "no file": (part(b"description") + b"--b--\r\n", 422, "validation_failed"),
    "two files": (FILE + FILE + b"--b--\r\n", 400, "multipart_invalid"),
    "a field twice": (part(b"description") * 2 + FILE + b"--b--\r\n", 400, "multipart_invalid"),
    "endless parts": (b"".join(part(b"f%d" % number) for number in range(2000)), 400, "multipart_invalid"),
    "a field without end": (part(b"description", b"x" * 100_000) + FILE + b"--b--\r\n", 400, "multipart_invalid"),
    "a header without end": (b"--b\r\nX: " + b"x" * 100_000, 400, "multipart_invalid"),
    "headers without end": (b"--b\r\n" + b"X: y\r\n" * 1000, 400, "multipart_invalid"),
    "a part without a name": (b"--b\r\nX: y\r\n\r\nx\r\n" + FILE + b"--b--\r\n", 400, "multipart_invalid"),
    "no UTF-8": (part(b"description", b"\xff") + FILE + b"--b--\r\n", 400, "multipart_invalid"),
    "NUL": (part(b"description", b"a\0b") + FILE + b"--b--\r\n", 422, "validation_failed"),
    "an unknown field": (part(b"tenant_id") + FILE + b"--b--\r\n", 422, "validation_failed"),
    "another file": (part(b"more", file=b"b") + FILE + b"--b--\r\n", 422, "validation_failed"),
    "links that are no JSON": (part(b"links", b"[" * 60_000) + FILE + b"--b--\r\n", 422, "validation_failed"),
    "half a parent": (part(b"parent_type", b"note") + FILE + b"--b--\r\n", 422, "unprocessable"),
}


@pytest.mark.promise("D2")
@pytest.mark.promise("S1")
@pytest.mark.parametrize("name", BAD_FORMS)
async def test_a_bad_form_is_refused(clean: TestTenant, name: str) -> None:
    body, status, code = BAD_FORMS[name]

    answer = await clean.owner.post(
        ATTACHMENTS, content=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )

    problem_of(answer, status, code)


@pytest.mark.parametrize(
    "content_type",
    [None, "application/json", "multipart/form-data", "multipart/mixed; boundary=b", "a\xff; boundary=b"],
)
async def test_a_form_needs_its_content_type(alpha: TestTenant, content_type: str | None) -> None:
    headers = {"Content-Type": content_type.encode("latin-1")} if content_type else {}

    answer = await alpha.owner.post(ATTACHMENTS, content=FILE + b"--b--\r\n", headers=headers)

    problem_of(answer, 400, "multipart_invalid")


async def test_a_form_may_be_cut_anywhere(tenant: TestTenant) -> None:
    """Chunks need not end where parts do."""
    body = part(b"description", "Απόδειξη".encode()) + part(b"file", b"a\r\n--b\r-\r\n--", file=b"f.txt") + b"--b--\r\n"

    async def chunks() -> Any:
        for number in range(len(body)):
            yield body[number : number + 1]

    answer = await tenant.owner.post(
        ATTACHMENTS, content=chunks(), headers={"Content-Type": "multipart/form-data; boundary=b"}
    )

    assert (answer.status_code, answer.json()["description"]) == (201, "Απόδειξη")
    assert (await download(tenant.owner, answer.json())).content == b"a\r\n--b\r-\r\n--"


async def test_a_repetition_is_told_by_what_is_sent_not_by_its_boundaries(tenant: TestTenant, stored: Stored) -> None:
    key = {"Idempotency-Key": word()}
    first = await tenant.owner.post(ATTACHMENTS, **form(b"the same"), headers=key)

    again = await tenant.owner.post(ATTACHMENTS, **form(b"the same"), headers=key)
    changed = await tenant.owner.post(ATTACHMENTS, **form(b"another"), headers=key)

    assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (201, first.json(), "true")
    problem_of(changed, 422, "idempotency_mismatch")
    assert len(await stored(tenant)) == 1


async def send(app: FastAPI, api: Api, messages: Iterable[Message | None]) -> int:
    """The status of an upload whose body arrives like this; None means that nothing more does."""
    arriving, status = iter(messages), 0

    async def receive() -> Message:
        message = next(arriving)
        return message if message is not None else await asyncio.Event().wait()  # type: ignore[return-value]

    async def answer(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    headers = {**api.headers, "Content-Type": "multipart/form-data; boundary=b"}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": API + ATTACHMENTS,
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("203.0.113.7", 40000),
        "server": ("service.test", 80),
    }
    await app(scope, receive, answer)
    return status


@pytest.mark.parametrize("size", [100, 3 * 1024**2])
async def test_an_upload_can_break_off(app: FastAPI, clean: TestTenant, size: int) -> None:
    begun = {"type": "http.request", "body": FILE[:-3] + b"x" * size, "more_body": True}

    assert await send(app, clean.owner, [begun, {"type": "http.disconnect"}]) == 400


@pytest.mark.promise("S7")
async def test_an_upload_that_stands_still_or_never_ends_is_given_up(servers: Servers) -> None:
    begun = {"type": "http.request", "body": FILE[:-3] + b"x" * 2**20, "more_body": True}
    more = {"type": "http.request", "body": b"x", "more_body": True}
    async with running(servers.config(servers.new_database(), body_stall_seconds=0.05)) as (app, client):
        tenant = await create_tenant(client)
        assert await send(app, tenant.owner, [begun, more, None]) == 408
        folder = services_of(app).storage.folder((await registered(app, tenant.name)).name)
        assert [file async for file in folder.list()] == []


@pytest.mark.promise("D2")
async def test_when_the_commit_fails_there_is_no_row_and_the_sweeper_finds_the_file(
    app: FastAPI, tenant: TestTenant, config: Config, stored: Stored
) -> None:
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute(
            """CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation'; END $$;
               CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON attachments DEFERRABLE INITIALLY DEFERRED
               FOR EACH ROW EXECUTE FUNCTION fail()"""
        )
        await owner.execute(f"GRANT EXECUTE ON FUNCTION fail() TO {tenant.name}")

    answer = await tenant.owner.post(ATTACHMENTS, **form(b"never"))

    assert answer.status_code == 422
    assert await rows(config, tenant) == (0, 0, 0)
    await sweep(services_of(app), await registered(app, tenant.name), now() + timedelta(hours=25))
    assert await stored(tenant) == {}


@pytest.mark.promise("S4")
async def test_without_a_credential_or_the_permission_the_body_is_not_read(app: FastAPI, alpha: TestTenant) -> None:
    form_type = {"Content-Type": "multipart/form-data; boundary=b"}
    for api, status in ((alpha.anonymous, 401), (alpha.people["viewer"].api, 403)):
        headers = {**api.headers, **form_type}
        answer = await send_raw(app, "POST", API + ATTACHMENTS, headers=headers, body=FILE)
        assert (answer.status, answer.body_was_read) == (status, False)


@pytest.mark.promise("S8")
async def test_without_its_storage_everything_else_goes_on(servers: Servers) -> None:
    away = {"attachments_url": "file:///proc/nothing"}
    async with running(servers.config(servers.new_database(), **away)) as (_, client):
        tenant = await create_tenant(client)
        refused = await tenant.owner.post(ATTACHMENTS, **form(b"nowhere"))
        assert (await tenant.owner.get(ATTACHMENTS)).json()["items"] == []

    problem_of(refused, 503, "storage_unavailable")
    assert "Retry-After" in refused.headers
