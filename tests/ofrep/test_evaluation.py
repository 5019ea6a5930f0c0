"""OFREP by plain HTTP: values, error bodies, conditional requests."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from common.config import Config
from tests.ofrep.service import BULK, make_flag, toggle
from tests.support.apps import Wired
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY
from tests.support.world import Api, TestTenant, create_tenant

GOLD = {"if": [{"==": [{"var": "plan"}, "gold"]}, "on", "off"]}
# Stored past the API, which would refuse it.
BROKEN = """UPDATE feature_flags SET targeting = '{"no such operator": [1]}' WHERE key = 'broken'"""


async def ask(api: Api, key: str | None, context: Any = None, **headers: str) -> httpx.Response:
    """Evaluate one flag, or all."""
    body = {} if context is None else {"context": context}
    return await api.post(BULK if key is None else f"{BULK}/{key}", json=body, headers=headers)


def failure_of(answer: httpx.Response, status: int, error: str) -> dict[str, Any]:
    """The body of a failure, in the form all of them have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json()
    assert (body["errorCode"], body.keys() - {"key"}) == (error, {"errorCode", "errorDetails"})
    assert isinstance(body["errorDetails"], str)
    assert ("www-authenticate" in answer.headers) == (status == 401)
    return body


async def test_every_kind_of_flag_has_reason_and_variant(tenant: TestTenant) -> None:
    api = tenant.owner
    await make_flag(api, "static", metadata={"team": "booking"})
    await make_flag(api, "rule", targeting=GOLD)
    await make_flag(api, "off", state="DISABLED")
    await make_flag(api, "open", default_variant=None)
    await make_flag(api, "text", variants={"a": "A"}, default_variant="a")
    expected: dict[str, dict[str, Any]] = {
        "static": {"reason": "STATIC", "variant": "on", "value": True, "metadata": {"team": "booking"}},
        "rule": {"reason": "TARGETING_MATCH", "variant": "on", "value": True, "metadata": {}},
        # No value: whoever asks uses the default in its own code (OFREP ADR 0006).
        "off": {"reason": "DISABLED", "variant": "", "metadata": {}},
        "open": {"reason": "DEFAULT", "variant": "", "metadata": {}},
        "text": {"reason": "STATIC", "variant": "a", "value": "A", "metadata": {}},
    }

    bulk = await ask(api, None, {"targetingKey": "user", "plan": "gold"})
    singles = {key: (await ask(api, key, {"plan": "gold"})).json() for key in expected}

    assert singles == {key: {"key": key, **rest} for key, rest in expected.items()}
    assert {flag["key"]: flag for flag in bulk.json()["flags"]} == singles
    assert bulk.headers["content-type"] == "application/json"


async def test_a_broken_flag_fails_alone(tenant: TestTenant, config: Config) -> None:
    for key in ("broken", "sound"):
        await make_flag(tenant.owner, key)
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute(BROKEN)
    await toggle(tenant.owner, "sound")  # so that everybody reads anew
    await toggle(tenant.owner, "sound")

    bulk = await ask(tenant.owner, None)
    single = await ask(tenant.owner, "broken")

    assert bulk.status_code == 200
    broken, sound = bulk.json()["flags"]
    assert (broken["key"], broken["errorCode"], "value" in broken) == ("broken", "PARSE_ERROR", False)
    assert (sound["key"], sound["value"]) == ("sound", True)
    assert failure_of(single, 400, "PARSE_ERROR") == broken


async def test_what_is_no_context_is_named(alpha: TestTenant) -> None:
    cases = {
        b"x": "PARSE_ERROR",
        b"\xff": "PARSE_ERROR",
        b"[]": "PARSE_ERROR",
        b"null": "PARSE_ERROR",
        b'{"context": {}, "is_superuser": true}': "PARSE_ERROR",
        b'{"context": {"a": NaN}}': "PARSE_ERROR",
        b'{"context": {"a": "\\ud800"}}': "PARSE_ERROR",
        b'{"context": ' + b"[" * 100_000: "PARSE_ERROR",
        b'{"context": null}': "INVALID_CONTEXT",
        b'{"context": "user"}': "INVALID_CONTEXT",
        b'{"context": {"a": 1e400}}': "INVALID_CONTEXT",
        b'{"context": {"targetingKey": 7}}': "INVALID_CONTEXT",
        b'{"context": {"targetingKey": ""}}': "TARGETING_KEY_MISSING",
        b'{"context": {"targetingKey": null}}': "TARGETING_KEY_MISSING",
    }
    for body, error in cases.items():
        for path in (BULK, f"{BULK}/some-flag"):
            found = failure_of(await alpha.owner.post(path, content=body), 400, error)
            assert found.get("key") == (None if path == BULK else "some-flag"), body


async def test_whoever_refuses_a_client_can_read_it(
    http: httpx.AsyncClient, tenant: TestTenant, beta: TestTenant
) -> None:
    """Guards, the framework and the platform refuse in the same form."""
    owner, flag = tenant.owner, f"{BULK}/some-flag"
    made = await owner.post("/users/api-keys", json={"name": "reader", "permissions": ["flags:read"]})
    reader = {"Authorization": None, "X-API-Key": made.json()["key"]}
    name = tenant.name.removeprefix("tenant_")

    for path in (BULK, flag):
        failure_of(await tenant.anonymous.post(path), 401, "GENERAL")
        failure_of(await owner.post(path, headers={"Authorization": "Bearer no"}), 401, "GENERAL")
        failure_of(await owner.post(path, headers={"X-Tenant-ID": None}), 400, "GENERAL")
        failure_of(await owner.post(path, headers={"X-Tenant-ID": "Nobody!"}), 400, "GENERAL")
        failure_of(await owner.post(path, headers={"X-Tenant-ID": beta.name}), 403, "GENERAL")
        failure_of(await owner.post(path, headers={"X-API-Key": "both"}), 400, "GENERAL")
        assert "flags:evaluate" in failure_of(await owner.post(path, headers=reader), 403, "GENERAL")["errorDetails"]
        failure_of(await owner.post(path, content=b"{" + b" " * 2_000_000), 413, "GENERAL")
        failure_of(await owner.post(f"{path}?unknown=1"), 400, "GENERAL")
        failure_of(await owner.get(path), 405, "GENERAL")
    assert failure_of(await owner.post(flag), 404, "FLAG_NOT_FOUND")["key"] == "some-flag"
    assert failure_of(await owner.post(f"{BULK}/some/flag"), 404, "GENERAL")["key"] == "some/flag"
    failure_of(await owner.post("//ofrep/v2"), 404, "GENERAL")

    platform = Api(http, {"X-Platform-Key": PLATFORM_KEY})
    suspended = await platform.patch(f"/platform/tenants/{name}", json={"status": "suspended"})
    assert suspended.status_code == 200
    failure_of(await owner.post(BULK), 403, "GENERAL")


async def test_a_defect_is_told_in_the_form_too(tenant: TestTenant, config: Config) -> None:
    """Nobody foresaw that a column is missing."""
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute("ALTER TABLE feature_flags RENAME COLUMN variants TO others")

    for path in (BULK, f"{BULK}/some-flag"):
        answer = await tenant.owner.post(path, json={})
        assert "others" not in failure_of(answer, 500, "GENERAL")["errorDetails"]


@pytest.mark.promise("T1")
async def test_the_etag_is_of_flags_and_context(http: httpx.AsyncClient, tenant: TestTenant) -> None:
    other = await create_tenant(http)
    for api in (tenant.owner, other.owner):
        await make_flag(api, "rule", targeting=GOLD)
    context = {"targetingKey": "user", "plan": "gold", "nested": {"b": [1, {"d": 1, "c": 2}], "a": None}}
    turned = json.loads(json.dumps(context, sort_keys=True))
    first = await ask(tenant.owner, None, context)
    etag = first.headers["etag"]

    known = [
        await ask(tenant.owner, None, same, **{"If-None-Match": value})
        for same in (context, turned)
        for value in (etag, f"W/{etag}", f'"other", {etag}')
    ]
    assert {answer.status_code for answer in known} == {304}
    assert {(answer.content, answer.headers["etag"]) for answer in known} == {(b"", etag)}
    for changed in ({**context, "plan": "x"}, {"plan": "gold"}, {**context, "nested": {}}, {**context, "more": 1}):
        answer = await ask(tenant.owner, None, changed, **{"If-None-Match": etag})
        assert (answer.status_code, answer.headers["etag"] == etag) == (200, False), changed

    # The other tenant has the same flags in the same version, and is told nothing by this one's tag.
    there = await ask(other.owner, None, context)
    assert there.json()["flags"] == first.json()["flags"]
    assert there.headers["etag"] != etag
    assert (await ask(other.owner, None, context, **{"If-None-Match": etag})).status_code == 200

    await toggle(tenant.owner, "rule")
    again = await ask(tenant.owner, None, context, **{"If-None-Match": etag})
    assert (again.status_code, again.json()["flags"][0]["reason"]) == (200, "DISABLED")
    await toggle(tenant.owner, "rule")  # as it was, but a version later
    assert (await ask(tenant.owner, None, context)).headers["etag"] != etag


async def test_a_304_asks_nobody(wired: Wired, alpha: TestTenant) -> None:
    api = Api(wired.http, alpha.owner.headers)
    for _ in range(3):  # the first may have met a change of another tenant, and keeps nothing then
        first = await ask(api, None, {"plan": "gold"})
    wired.wire.reset()

    answer = await ask(api, None, {"plan": "gold"}, **{"If-None-Match": first.headers["etag"]})

    assert (answer.status_code, wired.wire.trips) == (304, 0)


async def test_who_reads_the_clock_is_not_told_that_nothing_changed(tenant: TestTenant) -> None:
    """A rule about the time changes its answer without anybody changing the flag."""
    odd = {"if": [{"==": [{"%": [{"var": "$flagd.timestamp"}, 2]}, 1]}, "on", "off"]}
    await make_flag(tenant.owner, "odd", targeting=odd)
    tags: dict[bool, str] = {}

    while len(tags) < 2:
        answer = await ask(tenant.owner, None)
        tags[answer.json()["flags"][0]["value"]] = answer.headers["etag"]
        for value, etag in tags.items():
            later = await ask(tenant.owner, None, **{"If-None-Match": etag})
            assert later.status_code == 304 or later.json()["flags"][0]["value"] is not value

    assert tags[True] != tags[False]


async def test_who_was_told_of_a_newer_version_gets_it(wired: Wired, tenant: TestTenant) -> None:
    """Whichever process a client asks, also one that has not heard of the change yet."""
    here, there = tenant.owner, Api(wired.http, tenant.owner.headers)
    await make_flag(here, "switch")
    assert (await ask(there, None)).json()["flags"][0]["value"] is True
    await toggle(here, "switch")

    answer = await there.post(f"{BULK}?flagConfigEtag=%22v2%22&flagConfigLastModified=1", json={})

    assert answer.json()["flags"][0]["reason"] == "DISABLED"


async def test_a_context_that_cannot_be_read_is_refused_whatever_the_client_knows(alpha: TestTenant) -> None:
    """Twice: what is remembered of a body is never that it was wrong."""
    known = {"If-None-Match": (await ask(alpha.owner, None, {"plan": "gold"})).headers["etag"]}
    for body, error in ((b"{", "PARSE_ERROR"), (b'{"context": []}', "INVALID_CONTEXT")):
        for _ in range(2):
            answer = await alpha.owner.post(BULK, content=body, headers={"Content-Type": "application/json", **known})
            failure_of(answer, 400, error)


async def test_a_long_context_has_its_304_too(alpha: TestTenant) -> None:
    context = {"plan": "gold", "notes": "x" * 5000}
    etag = (await ask(alpha.owner, None, context)).headers["etag"]

    assert (await ask(alpha.owner, None, context, **{"If-None-Match": etag})).status_code == 304
    assert (await ask(alpha.owner, None, {**context, "plan": "tin"}, **{"If-None-Match": etag})).status_code == 200


async def test_a_refusal_has_what_the_document_says(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    """Without a key where no flag was asked for."""
    document = (await http.get("/openapi.json")).json()
    required = set(document["components"]["schemas"]["EvaluationFailure"]["required"])

    for answer in (await alpha.anonymous.post(BULK, json={}), await alpha.anonymous.post(f"{BULK}/any", json={})):
        assert answer.status_code == 401
        assert required <= answer.json().keys()
