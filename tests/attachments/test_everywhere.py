"""The same on S3, and through a tenant's whole life: exported, imported, cloned, dropped."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI

from tests.attachments.conftest import Stored
from tests.support.apps import registered, running, services_of
from tests.support.buckets import Bucket, running_bucket
from tests.support.problems import problem_of
from tests.support.servers import PLATFORM_KEY, Servers
from tests.support.things import word
from tests.support.uploads import ATTACHMENTS, download, form, upload
from tests.support.world import Api, TestTenant, create_tenant, sign_in

LARGE = b"%PDF-1.7\n" + os.urandom(7 * 1024**2)  # more than a part of a multipart upload
MIDDLING = LARGE[:1_200_000]  # more than a piece


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    """An S3 server."""
    with running_bucket() as started:
        yield started


@pytest.fixture(scope="module")
async def on_s3(servers: Servers, bucket: Bucket) -> AsyncIterator[httpx.AsyncClient]:
    """An application that stores there."""
    async with running(servers.config(servers.new_database(), **bucket.config)) as (_, client):
        yield client


@pytest.fixture
def operator(http: httpx.AsyncClient) -> Api:
    """The platform's operator."""
    return Api(http, {"X-Platform-Key": PLATFORM_KEY})


@pytest.mark.promise("T1")
async def test_two_tenants_share_a_bucket_and_nothing_in_it(on_s3: httpx.AsyncClient, bucket: Bucket) -> None:
    first, second = await create_tenant(on_s3), await create_tenant(on_s3)

    made = await asyncio.gather(*(upload(first.owner, LARGE, f"{number}.pdf") for number in range(3)))
    theirs = await upload(second.owner, LARGE, "theirs.pdf")

    assert sorted(key.split("/")[2] for key in bucket.keys()) == sorted([first.name, second.name])  # noqa: SIM118
    assert all(key.startswith("below/a prefix/tenant_") for key in bucket.keys())  # noqa: SIM118
    for api, item in ((first.owner, made[2]), (second.owner, theirs)):
        assert (await download(api, item)).content == LARGE
        part = await download(api, item, Range="bytes=5000000-6000000")
        assert (part.status_code, part.content == LARGE[5_000_000:6_000_001]) == (206, True)
    link = (await first.owner.post(f"{ATTACHMENTS}/{made[0]['id']}/link", json={})).json()["url"]
    assert (await Api(on_s3, {}).get(f"/{link}")).content == LARGE


@pytest.mark.promise("D2")
async def test_what_is_refused_leaves_nothing_in_the_bucket(on_s3: httpx.AsyncClient, bucket: Bucket) -> None:
    tenant, before = await create_tenant(on_s3), bucket.keys()
    await tenant.owner.put("/settings/attachments.max_bytes", json={"value": 6_500_000})

    problem_of(await tenant.owner.post(ATTACHMENTS, **form(LARGE)), 413, "file_too_large")
    problem_of(await tenant.owner.post(ATTACHMENTS, **form(LARGE[:6_000_000], tenant_id="x")), 422, "validation_failed")
    await tenant.owner.put("/settings/attachments.quota_bytes", json={"value": 1})
    problem_of(await tenant.owner.post(ATTACHMENTS, **form(LARGE[:6_000_000])), 409, "quota_exceeded")

    assert (bucket.keys(), bucket.unfinished()) == (before, [])


@pytest.mark.promise("D5")
async def test_contents_are_exported_and_imported_with_their_tenant(
    http: httpx.AsyncClient, operator: Api, tenant: TestTenant, stored: Stored
) -> None:
    made = [await upload(tenant.owner, content) for content in (MIDDLING, b"", word().encode())]
    archive = (await operator.post(f"/platform/tenants/{tenant.name}/export")).content
    name = word()

    imported = await operator.post(
        "/platform/tenants/import", params={"tenant": name, "activate": "true"}, content=archive
    )
    cloned = await operator.post(
        f"/platform/tenants/{tenant.name}/clone", json={"target": f"{name}_copy", "activate": True}
    )

    assert (imported.status_code, cloned.status_code) == (201, 201)
    for schema in (f"tenant_{name}", f"tenant_{name}_copy"):
        copy = TestTenant(schema, tenant.canary, Api(http, {"X-Tenant-ID": schema}))
        owner = (await sign_in(http, copy, "owner")).api
        assert [(await download(owner, item)).content for item in made] == [MIDDLING, b"", made_text(made[2], archive)]
        assert (await stored(copy)).keys().isdisjoint(await stored(tenant))
        assert sorted((await stored(copy)).values()) == sorted((await stored(tenant)).values())
    assert (await operator.delete(f"/platform/tenants/{name}", params={"confirm": name})).status_code == 204
    assert (await download(tenant.owner, made[0])).content == MIDDLING


def made_text(item: dict[str, str], archive: bytes) -> bytes:
    """A content as its archive has it, under its digest."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        stream = opened.extractfile(f"contents/{item['sha256']}")
        assert stream is not None
        return stream.read()


@pytest.mark.promise("D5")
async def test_an_archive_with_a_forged_content_is_refused(
    operator: Api, tenant: TestTenant, http: httpx.AsyncClient
) -> None:
    made, other = await upload(tenant.owner, b"the real content"), word()
    archive = (await operator.post(f"/platform/tenants/{tenant.name}/export")).content
    forged, without = rewritten(archive, made["sha256"], b"another content!"), rewritten(archive, made["sha256"], None)

    refused = await operator.post("/platform/tenants/import", params={"tenant": word()}, content=forged)
    taken = await operator.post(
        "/platform/tenants/import", params={"tenant": other, "activate": "true"}, content=without
    )

    problem_of(refused, 422, "archive_invalid")
    assert taken.status_code == 201
    copy = TestTenant(f"tenant_{other}", "", Api(http, {"X-Tenant-ID": other}))
    problem_of(await download((await sign_in(http, copy, "owner")).api, made), 404, "content_missing")


def rewritten(archive: bytes, digest: str, content: bytes | None) -> bytes:
    """The archive with another content, or none, in that place."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as given, tarfile.open(fileobj=buffer, mode="w:gz") as changed:
        for member in given:
            stream = given.extractfile(member)
            data = stream.read() if stream else b""
            if member.name == f"contents/{digest}":
                if content is None:
                    continue
                data = content
            member.size = len(data)
            changed.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.promise("T5")
async def test_a_dropped_tenant_leaves_no_files(
    operator: Api, http: httpx.AsyncClient, stored: Stored, app: FastAPI
) -> None:
    doomed, kept = await create_tenant(http), await create_tenant(http)
    for each in (doomed, kept):
        await upload(each.owner, b"x")
    folder = services_of(app).storage.folder((await registered(app, doomed.name)).name)

    await operator.delete(f"/platform/tenants/{doomed.name}", params={"confirm": doomed.name})

    assert [file async for file in folder.list()] == []
    assert len(await stored(kept)) == 1
