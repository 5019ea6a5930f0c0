"""The whole set as one flagd document, out and in."""

from __future__ import annotations

import copy
from typing import Any, Final

import pytest
from openfeature.contrib.tools.flagd.core.flagd_core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from common.config import Config
from tests.flags.flags import FLAGS, SWITCHED, Body, explained, faults, make, set_version
from tests.support.post import entries
from tests.support.world import TestTenant

DEFINITION: Final = f"{FLAGS}/definition"
STAFF: Final = {"ends_with": [{"var": "email"}, "@acme.example"]}
DOCUMENT: Final[Body] = {
    "$schema": "https://flagd.dev/schema/v0/flags.json",
    "flags": {
        "new-checkout": {
            "state": "ENABLED",
            "variants": SWITCHED,
            "defaultVariant": "off",
            "targeting": {"if": [{"$ref": "staff in time"}, "on", {"fractional": [["on", 10], ["off", 90]]}]},
            "metadata": {"team": "booking"},
        },
        "banner": {"state": "DISABLED", "variants": {"a": {"text": "A"}, "b": {"text": "\\d"}}, "defaultVariant": None},
    },
    "$evaluators": {
        "staff": STAFF,
        "staff in time": {"and": [{"$ref": "staff"}, {">": [{"var": "$flagd.timestamp"}, 1]}]},
    },
    "metadata": {"set": "acme"},
}


def changed(**flags: Any) -> Body:
    """The document with other flags, or without those that are None."""
    document = copy.deepcopy(DOCUMENT)
    document["flags"] = {key: body for key, body in {**document["flags"], **flags}.items() if body is not None}
    return document


async def test_what_goes_in_comes_out(tenant: TestTenant) -> None:
    empty = await tenant.owner.get(DEFINITION)

    stored = await tenant.owner.put(DEFINITION, json=DOCUMENT)
    found = await tenant.owner.get(DEFINITION)
    again = await tenant.owner.put(DEFINITION, json=found.json())

    assert (empty.json()["flags"], empty.headers["ETag"]) == ({}, '"v0"')
    assert (stored.status_code, stored.headers["ETag"]) == (200, '"v1"')
    assert stored.json() == found.json() == DOCUMENT
    assert (again.status_code, again.headers["ETag"]) == (200, '"v1"')
    assert (await tenant.owner.get(DEFINITION, headers={"If-None-Match": '"v1"'})).status_code == 304


async def test_flagd_reads_the_document(tenant: TestTenant) -> None:
    """The answers are the same as the service's, but for shared rules that name others, which the library leaves."""
    document = {**DOCUMENT, "$evaluators": {"staff": STAFF}}
    document["flags"] = {
        "new-checkout": {**DOCUMENT["flags"]["new-checkout"], "targeting": {"if": [{"$ref": "staff"}, "on"]}}
    }
    assert (await tenant.owner.put(DEFINITION, json=document)).status_code == 200
    core = FlagdCore()

    core.set_flags((await tenant.owner.get(DEFINITION)).text)

    for email, variant in (("m@acme.example", "on"), ("m@else.example", "off")):
        known = core.resolve_boolean_value("new-checkout", False, EvaluationContext("m", {"email": email}))
        ours = await explained(tenant.owner, "new-checkout", targetingKey="m", email=email)
        assert (known.variant, known.flag_metadata) == (ours["variant"], ours["metadata"]) == (
            variant, {"set": "acme", "team": "booking"},
        )  # fmt: skip


async def test_shared_rules_may_name_others(tenant: TestTenant) -> None:
    await tenant.owner.put(DEFINITION, json=DOCUMENT)

    found = await explained(tenant.owner, "new-checkout", targetingKey="m", email="m@acme.example")
    single = await make(tenant.owner, targeting={"if": [{"$ref": "staff"}, "on"]})

    assert (found["variant"], found["rule"]["pointer"]) == ("on", "/targeting/if/1")
    assert "/$evaluators/staff" in {step["pointer"] for step in found["steps"]}
    assert (await explained(tenant.owner, single["key"], email="m@acme.example"))["variant"] == "on"


@pytest.mark.promise("D2")
async def test_a_document_is_one_change(tenant: TestTenant, config: Config) -> None:
    """One version, and one audit entry that has each flag's changes by pointer; what did not change stays as it is."""
    await tenant.owner.put(DEFINITION, json=DOCUMENT)
    before = (await tenant.owner.get(f"{FLAGS}/new-checkout")).json()
    described = {"description": "Ours", "switch_at": "2030-01-01T00:00:00Z", "switch_to": "DISABLED"}
    assert (await tenant.owner.patch(f"{FLAGS}/new-checkout", json=described)).status_code == 200
    document = changed(**{"new-checkout": {**DOCUMENT["flags"]["new-checkout"], "state": "DISABLED"}, "banner": None,
                          "fresh/~": None, "fresh": {"state": "ENABLED", "variants": {"x": 1}}})  # fmt: skip

    answer = await tenant.owner.put(DEFINITION, json=document, headers={"If-Match": '"v2"'})

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"v3"')
    flags = {item["key"]: item for item in (await tenant.owner.get(FLAGS)).json()["items"]}
    assert flags.keys() == {"new-checkout", "fresh"}
    kept = flags["new-checkout"]
    assert {name: kept[name] for name in described} == described
    assert (kept["id"], kept["version"], kept["state"]) == (before["id"], 3, "DISABLED")
    first, second = await entries(config, tenant, "settings.flags.replaced")
    assert "/flags/fresh/variants" in second["changes"]
    assert '{"new": "DISABLED", "old": "ENABLED", "path": "/flags/new-checkout/state"}' in second["changes"]
    assert '"path": "/flags/banner/variants"' in second["changes"]
    assert '"path": "/$evaluators"' in first["changes"]
    assert '"path": "/$evaluators"' not in second["changes"]


@pytest.mark.promise("D4")
async def test_somebody_elses_change_is_not_overwritten(tenant: TestTenant) -> None:
    """Any change of any flag counts."""
    await tenant.owner.put(DEFINITION, json=DOCUMENT)
    etag = (await tenant.owner.get(DEFINITION)).headers["ETag"]
    await tenant.owner.post(f"{FLAGS}/banner/toggle")

    answer = await tenant.owner.put(DEFINITION, json={"flags": {}}, headers={"If-Match": etag})

    assert (answer.status_code, answer.json()["code"]) == (412, "version_conflict")
    assert len((await tenant.owner.get(FLAGS)).json()["items"]) == 2


@pytest.mark.promise("D2")
async def test_a_document_with_a_fault_stores_nothing(tenant: TestTenant) -> None:
    """Each fault has its pointer and its reason, whichever flag it is in; the good flags beside it are not stored."""
    await tenant.owner.put(DEFINITION, json=DOCUMENT)
    before, version = (await tenant.owner.get(DEFINITION)).json(), await set_version(tenant.owner)
    good = {"state": "ENABLED", "variants": SWITCHED}
    document = {
        "flags": {
            "good": good,
            "definition": good,
            "bad key": good,
            "no/object~": [],
            "bare": {},
            "odd": {**good, "state": "MAYBE", "defaultVariant": 7, "description": 1, "source": "x"},
            "mixed": {"state": "ENABLED", "variants": {"a": 1, "b": "2"}},
            "target": {**good, "defaultVariant": "of", "targeting": {"if": [{"$ref": "nobody"}, {"sem_ver": []}]}},
            "rollout": {**good, "targeting": {"fractional": [["on", 0], ["off", -1]]}},
            "list": {**good, "targeting": []},
            "text": {**good, "targeting": {"if": [{"$ref": "staff"}, "\0"]}},
        },
        "$evaluators": {"staff": STAFF, "bad/one": {"nope": 1}},
        "metadata": {"a": None},
    }

    answer = await tenant.owner.put(DEFINITION, json=document)

    flags = "/body/flags"
    assert faults(answer) == {
        ("/body/$evaluators/bad~1one/nope", "operator_unknown"),
        ("/body/metadata/a", "metadata_wrong"),
        (f"{flags}/definition", "key_reserved"),
        (f"{flags}/bad key", "key_form"),
        (f"{flags}/no~1object~0", "key_form"),
        (f"{flags}/no~1object~0", "flag_form"),
        (f"{flags}/bare/state", "missing"),
        (f"{flags}/bare/variants", "missing"),
        (f"{flags}/odd/state", "state_wrong"),
        (f"{flags}/odd/defaultVariant", "variant_unknown"),
        (f"{flags}/odd/description", "description_wrong"),
        (f"{flags}/odd/source", "extra_forbidden"),
        (f"{flags}/mixed/variants/b", "variants_mixed"),
        (f"{flags}/target/defaultVariant", "variant_unknown"),
        (f"{flags}/target/targeting/if/0/$ref", "reference_unknown"),
        (f"{flags}/target/targeting/if/1/sem_ver", "arguments_wrong"),
        (f"{flags}/rollout/targeting/fractional/1/1", "weights_wrong"),
        (f"{flags}/list/targeting", "rule_form"),
        (f"{flags}/text/targeting/if/1", "unstorable_text"),
    }
    assert all(error["message"] for error in answer.json()["errors"])
    assert ((await tenant.owner.get(DEFINITION)).json(), await set_version(tenant.owner)) == (before, version)


async def test_rules_that_name_each_other_in_a_circle_are_refused(tenant: TestTenant) -> None:
    circle = {"a": {"!": [{"$ref": "b"}]}, "b": {"and": [True, {"$ref": "c"}]}, "c": {"$ref": "a"}, "d": {"$ref": "d"}}
    doubling = {f"r{n}": {"and": [{"$ref": f"r{n + 1}"}] * 2} for n in range(20)} | {"r20": True}
    deep = {f"r{n}": {"!": [{"!": [{"!": [{"$ref": f"r{n + 1}"}]}]}]} for n in range(12)} | {"r12": True}

    for evaluators, codes in (
        (circle, {"reference_cyclic"}), (doubling, {"rule_too_large"}), (deep, {"rule_too_deep"}),
    ):  # fmt: skip
        answer = await tenant.owner.put(DEFINITION, json={"flags": {}, "$evaluators": evaluators})
        assert {code for _, code in faults(answer)} == codes
    assert await set_version(tenant.owner) == 0


@pytest.mark.promise("R3")
async def test_a_member_nobody_knows_is_refused(tenant: TestTenant) -> None:
    answer = await tenant.owner.put(DEFINITION, json={**DOCUMENT, "evaluators": {}, "version": 3})

    assert {error["pointer"] for error in answer.json()["errors"]} == {"/body/evaluators", "/body/version"}


@pytest.mark.promise("T1")
async def test_a_document_is_one_tenants(alpha: TestTenant, beta: TestTenant) -> None:
    item = await make(beta.owner, description=beta.canary)
    theirs, version = (await beta.owner.get(DEFINITION)).json(), await set_version(beta.owner)
    ours = (await alpha.owner.get(DEFINITION)).json()

    assert item["key"] in theirs["flags"]
    assert item["key"] not in ours["flags"]
    await alpha.owner.put(DEFINITION, json=ours)
    assert ((await beta.owner.get(DEFINITION)).json(), await set_version(beta.owner)) == (theirs, version)
