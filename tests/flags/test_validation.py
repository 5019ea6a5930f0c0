"""What is refused: every fault at once, each with its pointer and its reason, and nothing is stored."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.flags.flags import FLAGS, SWITCHED, explained, faults, flag, make, set_version
from tests.support.world import Api, TestTenant


def nested(depth: int) -> dict[str, Any]:
    rule: Any = {"var": "x"}
    for _ in range(depth):
        rule = {"!": [rule]}
    return {"if": [rule, "on", "off"]}


# A rule, and where below /body/targeting it is wrong in which way.
BROKEN: Final[list[tuple[Any, str, str]]] = [
    ({"iff": [True, "on", "off"]}, "/iff", "operator_unknown"),
    ({"log": "secret"}, "/log", "operator_unknown"),
    ({"$step": [1, "on"]}, "/$step", "operator_unknown"),
    ({"if": [{"fractionl": [["on", 1]]}, "on"]}, "/if/0/fractionl", "operator_unknown"),
    ({"if": [{"==": [1, 1], "!=": [1, 1]}, "on"]}, "/if/0", "rule_form"),
    ({"if": [{}, "on"]}, "/if/0", "rule_form"),
    ({"if": True}, "/if", "arguments_wrong"),
    ({"if": [{"starts_with": [{"var": "email"}]}, "on"]}, "/if/0/starts_with", "arguments_wrong"),
    ({"if": [{"ends_with": ["a", "b", "c"]}, "on"]}, "/if/0/ends_with", "arguments_wrong"),
    ({"if": [{"sem_ver": [{"var": "v"}, "1.0.0"]}, "on"]}, "/if/0/sem_ver", "arguments_wrong"),
    ({"if": [{"sem_ver": [{"var": "v"}, "=>", "1.0.0"]}, "on"]}, "/if/0/sem_ver/1", "arguments_wrong"),
    ({"if": [{"var": [["a"]]}, "on"]}, "/if/0/var", "arguments_wrong"),
    ({"if": [True, "onn", "off"]}, "/if/1", "variant_unknown"),
    ({"if": [True, "on", {"if": [True, "on", True]}]}, "/if/2/if/2", "variant_unknown"),
    ({"fractional": [["on", 10], ["of", 90]]}, "/fractional/1/0", "variant_unknown"),
    ({"fractional": [["on", 10.5], ["off", 90]]}, "/fractional/0/1", "weights_wrong"),
    ({"fractional": [["on", -1], ["off", 90]]}, "/fractional/0/1", "weights_wrong"),
    ({"fractional": [["on", True], ["off", 90]]}, "/fractional/0/1", "weights_wrong"),
    ({"fractional": [["on", 0], ["off", 0]]}, "/fractional", "weights_wrong"),
    ({"fractional": [["on", 2**31 - 1], ["off", 1]]}, "/fractional", "weights_wrong"),
    ({"fractional": [{"var": "email"}]}, "/fractional", "arguments_wrong"),
    ({"fractional": [["on", 1], "off"]}, "/fractional/1", "weights_wrong"),
    ({"fractional": [[], ["on", 1]]}, "/fractional/0", "weights_wrong"),
    ({"$ref": "nobody"}, "/$ref", "reference_unknown"),
    ({"if": [{"$ref": 7}, "on"]}, "/if/0/$ref", "reference_unknown"),
    ({"if": [{"in": ["a", "b\0c"]}, "on"]}, "/if/0/in/1", "unstorable_text"),
    ({"if": [{"==": [1, 2**63]}, "on"]}, "/if/0/==/1", "not_finite"),
]


@pytest.mark.promise("S7")
async def test_each_broken_rule_is_located(alpha: TestTenant) -> None:
    """With the pointer and the reason, in POST and PATCH alike."""
    item = await make(alpha.owner)

    for rule, place, code in BROKEN:
        body = flag(targeting=rule)
        created = await alpha.owner.post(FLAGS, json=body)
        assert faults(created) == {(f"/body/targeting{place}", code)}, rule
        assert (await alpha.owner.get(f"{FLAGS}/{body['key']}")).status_code == 404
        changed = await alpha.owner.patch(f"{FLAGS}/{item['key']}", json={"targeting": rule})
        assert faults(changed) == {(f"/body/targeting{place}", code)}, rule
    assert (await alpha.owner.get(f"{FLAGS}/{item['key']}")).json() == item


async def test_all_faults_of_a_flag_are_named_at_once(beta: TestTenant) -> None:
    body = flag(
        key="explain",
        variants={"on": True, "off": "no", "": True, "none": None},
        default_variant="of",
        metadata={"owner": ["a"], "": 1},
        targeting={"if": [{"nope": 1}, {"never": 2}]},
        switch_to="ENABLED",
    )

    answer = await beta.owner.post(FLAGS, json=body)

    assert faults(answer) == {
        ("/body/key", "key_reserved"),
        ("/body/variants/off", "variants_mixed"),
        ("/body/variants/", "variants_wrong"),
        ("/body/variants/none", "variants_wrong"),
        ("/body/default_variant", "variant_unknown"),
        ("/body/metadata/owner", "metadata_wrong"),
        ("/body/metadata/", "metadata_wrong"),
        ("/body/targeting/if/0/nope", "operator_unknown"),
        ("/body/targeting/if/1/never", "operator_unknown"),
        ("/body/switch_at", "switch_incomplete"),
    }


@pytest.mark.promise("S7")
async def test_nesting_and_size_have_a_limit(alpha: TestTenant) -> None:
    fits = await make(alpha.owner, targeting=nested(12))
    assert (await explained(alpha.owner, fits["key"], x=1))["variant"] in {"on", "off"}

    deep = await alpha.owner.post(FLAGS, json=flag(targeting=nested(40)))
    large = await alpha.owner.post(FLAGS, json=flag(variants={"on": "x" * 65_536}, default_variant="on"))
    many = await alpha.owner.post(FLAGS, json=flag(variants={f"v{n}": n for n in range(101)}, default_variant="v1"))
    wide = await alpha.owner.post(FLAGS, json=flag(targeting={"if": [{"in": [1, [2] * 10_001]}, "on"]}))

    assert {code for _, code in faults(deep)} == {"too_deep"}
    assert faults(large) == {("/body", "flag_too_large")}
    assert ("/body/variants", "variants_wrong") in faults(many)
    assert faults(wide) == {("/body/targeting", "rule_too_large")}


@pytest.mark.promise("S1")
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_hostile_bodies_are_no_server_errors(alpha: TestTenant, method: str) -> None:
    item = await make(alpha.owner)
    path = FLAGS if method == "POST" else f"{FLAGS}/{item['key']}"
    key = '"key":"hostile",' if method == "POST" else ""
    for variants in (
        '{"a":NaN}', '{"a":-Infinity}', '{"a":1e400}', f'{{"a":{"9" * 400}}}', r'{"a":"\ud800"}', r'{"\u0000":1}',
        f'{{"a":{"[" * 3000}{"]" * 3000}}}', "[]", "{}", "null", '{"a":{"b":"\\u0000"}}',
    ):  # fmt: skip
        answer = await alpha.owner.request(
            method, path, content=f'{{{key}"variants":{variants}}}', headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in {400, 422}, (variants[:40], answer.text)
    assert (await alpha.owner.get(f"{FLAGS}/hostile")).status_code == 404


async def test_true_and_one_are_different_values(tenant: TestTenant) -> None:
    """In Python they are equal, and a change from one to the other would be none."""
    item = await make(tenant.owner, variants={"on": 1, "off": 0})
    path = f"{FLAGS}/{item['key']}"

    as_boolean = (await tenant.owner.patch(path, json={"variants": SWITCHED})).json()
    as_double = await tenant.owner.patch(path, content='{"variants":{"on":1.0,"off":0}}', headers=JSON)

    assert (as_boolean["version"], as_boolean["variants"]["on"]) == (2, True)
    assert (as_double.json()["version"], '"on":1.0' in as_double.text) == (3, True)


JSON: Final = {"Content-Type": "application/json"}


async def test_a_tenant_has_room_for_so_many_flags(tenant: TestTenant) -> None:
    everything = {f"f{n}": {"state": "ENABLED", "variants": SWITCHED} for n in range(1000)}
    stored = await tenant.owner.put(f"{FLAGS}/definition", json={"flags": everything})
    assert stored.status_code == 200, stored.text
    version = await set_version(tenant.owner)

    one_more = await tenant.owner.post(FLAGS, json=flag())
    as_document = await tenant.owner.put(
        f"{FLAGS}/definition", json={"flags": {**everything, "more": everything["f0"]}}
    )

    assert (one_more.status_code, one_more.json()["code"]) == (409, "flags_full")
    assert faults(as_document) == {("/body/flags", "flags_full")}
    assert await set_version(tenant.owner) == version


@pytest.mark.promise("S7")
async def test_a_document_may_be_as_large_as_a_set(tenant: TestTenant) -> None:
    """Larger than other bodies, and not much larger."""
    people = [f"user-{n}@acme.example" for n in range(2000)]
    rule = {"if": [{"in": [{"var": "email"}, people]}, "on"]}
    flags = {f"f{n}": {"state": "ENABLED", "variants": SWITCHED, "targeting": rule} for n in range(90)}

    full = await tenant.owner.put(f"{FLAGS}/definition", json={"flags": dict(list(flags.items())[:50])})
    over = await tenant.owner.put(f"{FLAGS}/definition", json={"flags": flags})
    one_by_one = await tenant.owner.post(FLAGS, json=flag(targeting={"if": [{"in": [1, people]}, "on"]}))

    assert full.status_code == 200
    assert len(full.content) > 2 * 1024**2
    assert faults(over) == {("/body", "flags_full")}
    assert one_by_one.status_code == 201
    assert (await explained(tenant.owner, "f7", email="user-1999@acme.example"))["variant"] == "on"


async def test_one_who_may_only_evaluate_changes_nothing(alpha: TestTenant) -> None:
    item = await make(alpha.owner)

    allowed = await explained(alpha.member, item["key"])
    refused: list[Api] = [alpha.member, alpha.people["viewer"].api]

    assert allowed["variant"] == "off"
    for api in refused:
        answers = [
            await api.post(f"{FLAGS}/{item['key']}/toggle"),
            await api.put(f"{FLAGS}/definition", json={"flags": {}}),
        ]
        assert [answer.status_code for answer in answers] == [403, 403]
