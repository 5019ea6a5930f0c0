"""Whoever was let in a moment ago is let in by what is remembered, and never by more than that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from common.cache.local import ADMISSION_SECONDS, ADMITTING_SECONDS, MOMENT_SECONDS
from common.cache.redis import RedisCopy
from common.cache.two_level import Caches
from common.clock import now
from common.http.headers import IndexedHeaders
from common.ids import TenantName, new_id
from database import Tenant
from serving import admissions as module
from serving.admissions import Admission, Admissions
from shared_auth import Principal
from tests.support.apps import services_of
from tests.support.problems import problem_of
from tests.support.world import API, TestTenant

pytestmark = pytest.mark.promise("I2")

TOKEN: Final = b"Bearer a.b.c"


def make_caches() -> Caches:
    """Those of a process that listens and has no Redis."""
    caches = Caches(RedisCopy(None, CollectorRegistry()), CollectorRegistry())
    caches.start_generation("first")
    return caches


def sent(tenant: str = "tenant_acme", token: bytes = TOKEN, *more: tuple[bytes, bytes]) -> IndexedHeaders:
    """The headers of a request."""
    return IndexedHeaders([(b"x-tenant-id", tenant.encode()), (b"authorization", token), *more])


def make_admission(tenant: str = "tenant_acme", seconds: float = 60) -> Admission:
    """One that ends in so many seconds."""
    name = TenantName.parse(tenant)
    assert name is not None
    who = Principal(name, new_id(), "maria", new_id(), "token", (), 1, {})
    return Admission(name, Tenant(name, name.schema, "active", "1"), {}, who, now() + timedelta(seconds=seconds), {})


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is forgotten for its age while a slow machine compares."""
    monkeypatch.setattr(module, "ADMISSION_SECONDS", 60.0)


def test_the_two_ages_together_are_the_moment() -> None:
    assert ADMISSION_SECONDS > 0 < ADMITTING_SECONDS
    assert ADMISSION_SECONDS + ADMITTING_SECONDS == MOMENT_SECONDS < 1


@pytest.mark.promise("T1")
def test_only_the_same_headers_find_it() -> None:
    admissions = Admissions(make_caches())
    kept = make_admission()
    admissions.keep(sent(), kept, admissions.drops)

    assert admissions.find(sent()) is kept
    assert admissions.find(sent("tenant_acme", TOKEN, (b"accept", b"*/*"))) is kept
    strangers = [
        sent("tenant_other"),
        sent("acme"),
        sent(token=b"Bearer a.b.d"),
        sent(token=b"bearer a.b.c"),
        sent("tenant_acme", TOKEN, (b"x-api-key", b"ssk_x")),
        sent("tenant_acme", TOKEN, (b"authorization", TOKEN)),
        sent("tenant_acme", TOKEN, (b"x-tenant-id", b"tenant_acme")),
        IndexedHeaders([(b"x-tenant-id", b"tenant_acme")]),
        IndexedHeaders([(b"authorization", TOKEN)]),
        IndexedHeaders([]),
    ]
    assert [admissions.find(headers) for headers in strangers] == [None] * len(strangers)


@pytest.mark.parametrize(
    ("bucket", "left"),
    [
        ("tenant_acme/principals", []),
        ("tenant_acme/settings", []),
        ("system/tenants", []),
        ("system/settings", []),
        ("tenant_acme2/principals", ["tenant_acme", "acme"]),
    ],
)
def test_a_message_about_anything_it_is_made_of_ends_it(bucket: str, left: list[str]) -> None:
    caches = make_caches()
    admissions = Admissions(caches)
    for spelling in ("tenant_acme", "acme"):
        admissions.keep(sent(spelling), make_admission(), admissions.drops)

    caches.forget_locally([(bucket, "some field")])

    assert [spelling for spelling in ("tenant_acme", "acme") if admissions.find(sent(spelling))] == left


@pytest.mark.parametrize("event", ["start_generation", "stop_listening"])
def test_who_may_have_missed_a_message_knows_nobody(event: str) -> None:
    caches = make_caches()
    admissions = Admissions(caches)
    admissions.keep(sent(), make_admission(), admissions.drops)

    caches.start_generation("second") if event == "start_generation" else caches.stop_listening()
    assert admissions.find(sent()) is None

    caches.stop_listening()
    admissions.keep(sent(), make_admission(), admissions.drops)
    assert admissions.find(sent()) is None


def test_what_was_found_out_before_a_message_is_not_kept_after_it() -> None:
    caches = make_caches()
    admissions = Admissions(caches)
    drops = admissions.drops
    caches.forget_locally([("tenant_acme/principals", None)])

    admissions.keep(sent(), make_admission(), drops)

    assert admissions.find(sent()) is None


def test_it_ends_with_its_token_or_session_and_with_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    admissions = Admissions(make_caches())
    admissions.keep(sent(), make_admission(seconds=0), admissions.drops)
    assert admissions.find(sent()) is None

    monkeypatch.setattr(module, "ADMISSION_SECONDS", 0.0)
    admissions.keep(sent(), make_admission(), admissions.drops)
    assert admissions.find(sent()) is None


@pytest.mark.promise("S7")
def test_there_are_never_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ADMISSIONS", 3)
    admissions = Admissions(make_caches())
    tokens = [b"Bearer %d" % number for number in range(10)]

    for token in tokens:
        for _ in range(2):  # the same one again takes no second place
            admissions.keep(sent(token=token), make_admission(), admissions.drops)
        assert admissions.find(sent(token=token)) is not None

    assert 1 <= sum(admissions.find(sent(token=token)) is not None for token in tokens) <= 3


@contextmanager
def remembering(app: FastAPI) -> Iterator[list[bool]]:
    """For each request that shows something, whether it was known already."""
    found: list[bool] = []
    kept = services_of(app).admissions
    with pytest.MonkeyPatch.context() as patch:
        find = kept.find

        def note(headers: IndexedHeaders) -> Admission | None:
            admission = find(headers)
            found.append(admission is not None)
            return admission

        patch.setattr(kept, "find", note)
        yield found


async def test_requests_of_somebody_known_answer_alike(app: FastAPI, alpha: TestTenant) -> None:
    """Until something is forgotten, which here other tests may see to."""
    with remembering(app) as known:
        answers = [(await alpha.owner.get("/auth/test")).json() for _ in range(20)]

    assert any(known)
    assert answers == answers[:1] * 20


async def test_more_than_one_credential_is_refused_of_somebody_known_too(
    http: httpx.AsyncClient, alpha: TestTenant
) -> None:
    headers = list(alpha.owner.headers.items())
    twice = [*headers, ("Authorization", alpha.owner.headers["Authorization"])]
    for more in (twice, [*headers, ("X-API-Key", "ssk_x")]):
        assert (await http.get(f"{API}/auth/test", headers=headers)).status_code == 200
        problem_of(await http.get(f"{API}/auth/test", headers=more), 400, "ambiguous_credentials")
