"""Sending contents: whole, in part, not at all, and by an address that needs no credential."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from common.ids import TenantName
from tests.support.apps import registered, running, services_of
from tests.support.problems import problem_of
from tests.support.servers import SECRET, Servers
from tests.support.staff import Staff
from tests.support.uploads import ATTACHMENTS, download, upload
from tests.support.world import API, Api, TestTenant, create_tenant
from tools.attachments.addresses import ContentAddress, ContentAddresses

CONTENT = os.urandom(2_500_000)
PDF = b"%PDF-1.7\n" + CONTENT


async def test_a_content_comes_whole_or_in_part(twin: TestTenant) -> None:
    made = await upload(twin.owner, PDF, 'Σχέδιο "1".pdf')
    address = f"{ATTACHMENTS}/{made['id']}/content"

    whole = await download(twin.owner, made)
    etag = whole.headers["ETag"]

    assert (whole.status_code, whole.content == PDF, etag) == (200, True, f'"{made["sha256"]}"')
    assert whole.headers["Content-Length"] == str(len(PDF))
    assert whole.headers["Content-Type"] == "application/pdf"
    assert whole.headers["Content-Disposition"] == (
        "attachment; filename=\"______ _1_.pdf\"; filename*=UTF-8''%CE%A3%CF%87%CE%AD%CE%B4%CE%B9%CE%BF%20_1_.pdf"
    )
    assert whole.headers["Cache-Control"] == "private, no-cache"
    assert whole.headers["Accept-Ranges"] == "bytes"
    for wanted, expected in (("bytes=0-99", PDF[:100]), ("bytes=1500000-", PDF[1_500_000:]), ("bytes=-7", PDF[-7:])):
        part = await download(twin.owner, made, Range=wanted)
        assert (part.status_code, part.content == expected) == (206, True), wanted
        assert int(part.headers["Content-Length"]) == len(expected)
    same = await download(twin.owner, made, Range="bytes=0-0", **{"If-Range": etag})
    changed = await download(twin.owner, made, Range="bytes=0-0", **{"If-Range": '"another"'})
    several = await download(twin.owner, made, Range="bytes=0-0,2-3")
    behind = await download(twin.owner, made, Range=f"bytes={len(PDF)}-")
    known = await download(twin.owner, made, **{"If-None-Match": f'"x", W/{etag}'})
    head = await twin.owner.request("HEAD", address, headers={"Range": "bytes=0-0"})

    assert [answer.status_code for answer in (same, changed, several, known)] == [206, 200, 200, 304]
    problem_of(behind, 416, "range_not_satisfiable")
    assert behind.headers["Content-Range"] == f"bytes */{len(PDF)}"
    assert (known.content, known.headers["ETag"]) == (b"", etag)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(PDF)))


async def test_an_empty_file_is_one(twin: TestTenant) -> None:
    made = await upload(twin.owner, b"")

    answer = await download(twin.owner, made)

    assert (made["size_bytes"], answer.status_code, answer.content) == (0, 200, b"")


@pytest.mark.promise("S6")
async def test_a_slow_reader_holds_no_connection_and_little_memory(servers: Servers) -> None:
    """The service reads on only when the client does."""
    sent, may_go_on = asyncio.Event(), asyncio.Event()
    received: list[int] = []

    async def send(message: Message) -> None:
        received.append(len(message.get("body", b"")))
        if received[-1]:
            sent.set()
            await may_go_on.wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async with running(servers.config(servers.new_database(), database_pool_size=1)) as (app, client):
        tenant = await create_tenant(client)
        made = await upload(tenant.owner, PDF, "a.pdf")
        scope = scope_of(tenant.owner, f"{API}{ATTACHMENTS}/{made['id']}/content")
        reading = asyncio.create_task(app(scope, receive, send))
        await sent.wait()
        assert services_of(app).database.pool_state()["in_use"] == 0
        assert (await tenant.owner.get(ATTACHMENTS)).status_code == 200
        assert sum(received) <= 1024**2
        may_go_on.set()
        await reading

    assert sum(received) == len(PDF)


def scope_of(api: Api, path: str) -> dict[str, Any]:
    """A GET request as a server hands it over."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in api.headers.items()],
        "client": ("203.0.113.7", 40000),
        "server": ("service.test", 80),
    }


async def test_a_content_that_the_storage_lost_is_said_to_be(app: FastAPI, tenant: TestTenant) -> None:
    made = await upload(tenant.owner, b"soon lost")
    folder = services_of(app).storage.folder((await registered(app, tenant.name)).name)
    await folder.delete([file.id async for file in folder.list()])

    problem_of(await download(tenant.owner, made), 404, "content_missing")
    again = await upload(tenant.owner, b"soon lost")
    assert [(await download(tenant.owner, one)).content for one in (made, again)] == [b"soon lost"] * 2


async def link(api: Api, made: dict[str, Any], **body: Any) -> str:
    """A new address, below the root."""
    answer = await api.post(f"{ATTACHMENTS}/{made['id']}/link", json=body)
    assert answer.status_code == 200, answer.text
    return f"/{answer.json()['url']}"


@pytest.mark.promise("T1")
async def test_an_address_opens_one_content_without_credentials(
    http: httpx.AsyncClient, twin: TestTenant, other: TestTenant, staff: Staff
) -> None:
    made = await upload(staff.author.api, b"for a browser")
    address = await link(staff.manager.api, made, expires_in_seconds=60)
    nobody = Api(http, {})

    assert (await nobody.get(address)).content == b"for a browser"
    assert (await nobody.get(address, headers={"Range": "bytes=0-2"})).content == b"for"
    assert (await nobody.get(address, headers={"X-Tenant-ID": twin.name})).status_code == 200
    problem_of(await nobody.get(address, headers={"X-Tenant-ID": other.name}), 403, "tenant_mismatch")
    problem_of(await nobody.get(address[:-1]), 401, "unauthenticated")
    problem_of(await nobody.get(f"{ATTACHMENTS}/content"), 401, "unauthenticated")
    problem_of(await nobody.get(f"{address}&token=x"), 401, "unauthenticated")
    for stranger in (staff.colleague.api, other.owner):
        problem_of(await stranger.post(f"{ATTACHMENTS}/{made['id']}/link", json={}), 404, "not_found")
    # The tenant's own secret names another attachment, of the other tenant, or none.
    theirs = await upload(other.owner, b"theirs")
    for attachment_id, expires, status in ((theirs["id"], 60, 404), (made["id"], -1, 401)):
        token = issue(twin.name, attachment_id, expires)
        assert (await nobody.get(f"{ATTACHMENTS}/content", params={"token": token})).status_code == status
    assert (await staff.author.api.delete(f"{ATTACHMENTS}/{made['id']}")).status_code == 204
    problem_of(await nobody.get(address), 404, "not_found")
    await staff.author.api.post(f"{ATTACHMENTS}/{made['id']}/restore")
    assert (await nobody.get(address)).status_code == 200


def issue(schema: str, attachment_id: str, seconds: int) -> str:
    """An address as only the service can make one."""
    tenant = TenantName.parse(schema)
    assert tenant is not None
    address = ContentAddress(tenant, UUID(attachment_id), int(time.time()) + seconds)
    return ContentAddresses(SECRET).issue(address)


async def test_an_address_says_when_it_expires(alpha: TestTenant) -> None:
    made = await upload(alpha.owner, b"x")

    for seconds in (59, 3601, "soon"):
        answer = await alpha.owner.post(f"{ATTACHMENTS}/{made['id']}/link", json={"expires_in_seconds": seconds})
        assert answer.status_code == 422
    answer = await alpha.owner.post(f"{ATTACHMENTS}/{made['id']}/link")  # for as long as usual

    token = parse_qs(urlsplit(answer.json()["url"]).query)["token"][0]
    assert abs(int(token.split(".")[2]) - time.time() - 300) < 10
    assert made["id"].replace("-", "") in token
