"""What Redis is told of a tenant's commits: it never goes down, and what was lost is asked anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from common.cache import versions
from common.cache.redis import RedisCopy
from common.cache.versions import Lease, Version, Versions
from common.ids import new_id
from tests.cache.groups import Server
from tests.cache.valkey import Stoppable, own_valkey
from tests.support.waiting import until

KEY = "tenant_a/version/1"


@pytest.fixture
async def valkey() -> AsyncIterator[Stoppable]:
    """A server of the test's own."""
    async with own_valkey() as started:
        yield started


@pytest.fixture
async def told(valkey: Stoppable) -> AsyncIterator[Versions]:
    """The versions that it knows of: none."""
    redis = RedisCopy(valkey.url, CollectorRegistry())
    yield Versions(redis)
    await redis.close()


async def finds_none(told: Versions) -> bool:
    return isinstance(await told.find(KEY), Lease)


def version(number: int) -> Version:
    return Version(number, UUID(str(new_id())))


async def test_what_was_told_is_found(told: Versions) -> None:
    fifth = version(5)

    assert await told.tell(KEY, fifth)

    assert await told.find(KEY) == fifth
    assert isinstance(await told.find("tenant_b/version/1"), Lease)


async def test_it_never_goes_down(told: Versions) -> None:
    """What was sent earlier may arrive later. The same number again is another entry: the first was rolled back."""
    fifth, again = version(5), version(5)

    for item in (version(4), fifth, version(3)):
        assert await told.tell(KEY, item)
    assert await told.find(KEY) == fifth
    assert await told.tell(KEY, again)

    assert await told.find(KEY) == again


async def test_one_reader_finds_out_what_nobody_knows(told: Versions) -> None:
    lease = await told.find(KEY)
    assert isinstance(lease, Lease)
    assert await told.find(KEY) is None

    sixth = version(6)
    await told.fill(KEY, lease, sixth)

    assert await told.find(KEY) == sixth


async def test_what_is_told_meanwhile_ends_a_lease(told: Versions) -> None:
    lease, seventh = await told.find(KEY), version(7)
    assert isinstance(lease, Lease)
    assert await told.tell(KEY, seventh)

    await told.fill(KEY, lease, version(6))

    assert await told.find(KEY) == seventh


async def test_what_is_emptied_meanwhile_ends_a_lease_too(told: Versions, valkey: Stoppable) -> None:
    lease = await told.find(KEY)
    assert isinstance(lease, Lease)
    await valkey.copy.flushall()

    await told.fill(KEY, lease, version(6))

    assert isinstance(await told.find(KEY), Lease)


async def test_what_arrives_late_is_not_believed(told: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "LATE_SECONDS", -5)

    assert not await told.tell(KEY, version(5))

    assert isinstance(await told.find(KEY), Lease)


async def test_it_is_believed_for_a_while_only(told: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "VERSION_SECONDS", 1)
    assert await told.tell(KEY, version(5))

    await until(partial(finds_none, told))


async def test_nobody_knows_without_an_answer(told: Versions, valkey: Stoppable) -> None:
    valkey.kill()

    assert not await told.tell(KEY, version(5))
    assert await told.find(KEY) is None


async def test_what_a_server_brings_back_from_its_disk_is_none(tmp_path: Path) -> None:
    server = Server(tmp_path, "--appendonly", "yes", "--appendfsync", "always")
    await server.until_it_answers()
    redis = RedisCopy(f"redis://127.0.0.1:{server.port}/0", CollectorRegistry())
    told = Versions(redis)
    try:
        assert await told.tell(KEY, version(5))
        server.kill()
        server.start()
        await server.until_it_answers()

        await until(partial(finds_none, told))  # the first connection is a broken one
        assert await told.tell(KEY, version(4)), "the history that knew of the fifth is over"
        assert isinstance(await told.find(KEY), Version)
    finally:
        await redis.close()
        server.kill()
