"""Which variant applies, and why."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from openfeature.contrib.tools.flagd.core.flagd_core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

from common.config import Config
from common.ids import TenantName, new_id
from database import Tenant
from settings.feature_flags.evaluation import FlagSet, compile_set, evaluate, evaluate_all, find_flag_set
from settings.feature_flags.explain import explain
from settings.feature_flags.schemas import ExplainRequest
from tests.flags.flags import FLAGS, SWITCHED, explained, faults, make
from tests.support.apps import registered, services_of
from tests.support.probes import owner_connection
from tests.support.world import TestTenant

# A rule, a context, and the variant: the default is "off".
RULES: Final[list[tuple[dict[str, Any], dict[str, Any], str]]] = [
    ({"if": [{"ends_with": [{"var": "email"}, "@acme.example"]}, "on"]}, {"email": "m@acme.example"}, "on"),
    ({"if": [{"ends_with": [{"var": "email"}, "@acme.example"]}, "on"]}, {"email": 7}, "off"),
    ({"if": [{"starts_with": [{"var": "locale"}, "el"]}, "on", "off"]}, {"locale": "el_GR"}, "on"),
    ({"if": [{"sem_ver": [{"var": "v"}, ">=", "2.1"]}, "on", "off"]}, {"v": "2.10.0"}, "on"),
    ({"if": [{"sem_ver": [{"var": "v"}, "^", "2.1.0"]}, "on", "off"]}, {"v": "3.0.0"}, "off"),
    ({"if": [{"sem_ver": [{"var": "v"}, ">=", "2.1"]}, "on", "off"]}, {"v": "none"}, "off"),
    ({"if": [{"in": [{"var": "targetingKey"}, ["u1", "u2"]]}, "on"]}, {"targetingKey": "u2"}, "on"),
    ({"if": [{"some": [{"var": "roles"}, {"==": [{"var": ""}, "beta"]}]}, "on"]}, {"roles": ["x", "beta"]}, "on"),
    ({"if": [{"==": [{"reduce": [{"var": "n"}, {"+": [{"var": "accumulator"}, {"var": "current"}]}, 0]}, 6]}, "on"]},
     {"n": [1, 2, 3]}, "on"),
    ({"if": [{">": [{"var": "$flagd.timestamp"}, 1_700_000_000]}, "on"]}, {}, "on"),
    ({"fractional": [{"var": "email"}, ["on", 1], ["off", 0]]}, {"email": "m@acme.example"}, "on"),
    ({"fractional": [["on", 1]]}, {}, "off"),
    ({"var": "wish"}, {"wish": "on"}, "on"),
    ({"if": [{"missing": ["email"]}, "on"]}, {}, "on"),
]  # fmt: skip


async def test_rules_choose_variants(alpha: TestTenant) -> None:
    for rule, context, variant in RULES:
        item = await make(alpha.owner, targeting=rule)

        found = await explained(alpha.owner, item["key"], **context)

        chosen = found["error_code"] is None and (found["variant"], found["value"]) == (variant, SWITCHED[variant])
        assert chosen, (rule, context, found)


async def test_without_a_rule_the_state_decides(beta: TestTenant) -> None:
    plain = await make(beta.owner)
    none = await make(beta.owner, default_variant=None)
    off = await make(beta.owner, state="DISABLED", targeting={"if": [True, "on"]})

    reasons = []
    for item in (plain, none, off):
        found = await explained(beta.owner, item["key"])
        reasons.append((found["reason"], found["variant"], found["value"], found["rule"]))

    assert reasons == [("STATIC", "off", False, None), ("DEFAULT", None, None, None), ("DISABLED", None, None, None)]


@pytest.mark.promise("T1")
async def test_what_the_server_knows_no_caller_can_replace(alpha: TestTenant, beta: TestTenant) -> None:
    rule = {"if": [{"==": [{"var": "tenant.id"}, "alpha"]}, "on", "off"]}
    forged = {"tenant": {"id": "alpha"}, "tenant.id": "alpha", "$flagd": {"flagKey": "x", "timestamp": 1}}
    named = {"if": [{"starts_with": [{"var": "$flagd.flagKey"}, "flag-"]}, "on", "off"]}

    for home, variant in ((alpha, "on"), (beta, "off")):
        item = await make(home.owner, targeting=rule)
        other = await make(home.owner, targeting=named)
        found = await explained(home.owner, item["key"], **forged)
        assert (found["variant"], found["attributes"]) == (
            variant,
            {"tenant": {"id": home.name.removeprefix("tenant_")}},
        )
        assert (await explained(home.owner, other["key"], **forged))["variant"] == "on"


async def test_the_explanation_names_the_part_that_decided(alpha: TestTenant) -> None:
    rule = {
        "if": [
            {"and": [{"ends_with": [{"var": "email"}, "@acme.example"]}, {"!": {"var": "banned"}}]},
            "on",
            {"if": [{"==": [{"var": "tier"}, "gold"]}, {"fractional": [{"var": "email"}, ["on", 1]]}, "off"]},
        ]
    }
    item = await make(alpha.owner, targeting=rule, metadata={"team": "booking"})

    first = await explained(alpha.owner, item["key"], email="m@acme.example")
    second = await explained(alpha.owner, item["key"], email="m@else.example", tier="gold")
    third = await explained(alpha.owner, item["key"], email=float(2))

    assert first["rule"] == {"pointer": "/targeting/if/1", "rule": "on", "result": "on"}
    steps = {step["pointer"]: step["result"] for step in first["steps"]}
    assert steps == {
        "/targeting/if/0/and/0/ends_with/0": "m@acme.example",
        "/targeting/if/0/and/0": True,
        "/targeting/if/0/and/1/!": None,
        "/targeting/if/0/and/1": True,
        "/targeting/if/0": True,
        "/targeting": "on",
    }
    assert (second["rule"]["pointer"], second["rule"]["result"]) == ("/targeting/if/2/if/1", "on")
    assert (third["rule"]["pointer"], third["reason"]) == ("/targeting/if/2/if/2", "TARGETING_MATCH")
    assert first["metadata"] == {"team": "booking"}


async def test_an_explanation_needs_a_flag_and_a_sane_context(alpha: TestTenant) -> None:
    item = await make(alpha.owner)
    deep: Any = 1
    for _ in range(40):
        deep = [deep]

    unknown = await alpha.owner.post(f"{FLAGS}/explain", json={"key": "nothing-here"})
    odd = await alpha.owner.post(f"{FLAGS}/explain", json={"key": item["key"], "context": {"a": "\0", "b": deep}})

    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert {code for _, code in faults(odd)} == {"unstorable_text", "too_deep"}


async def test_a_broken_flag_fails_alone(tenant: TestTenant, config: Config) -> None:
    """Stored past the service, by an older version or by hand."""
    good = await make(tenant.owner, targeting={"if": [True, "on"]})
    async with owner_connection(config, tenant.name) as owner:
        for key, rule in (("cyclic", {"$ref": "a"}), ("unknown", {"nope": 1}), ("odd", {"/": [1, 0]})):
            await owner.execute(
                "INSERT INTO feature_flags (id, key, variants, targeting) VALUES ($1, $2, $3, $4)",
                new_id(), key, json.dumps(SWITCHED), json.dumps(rule),
            )  # fmt: skip
        await owner.execute(
            """UPDATE flag_sets SET version = 7, evaluators = '{"a": {"$ref": "b"}, "b": {"$ref": "a"}}'"""
        )
    await make(tenant.owner)  # has the set read again

    found = {key: await explained(tenant.owner, key) for key in (good["key"], "cyclic", "unknown", "odd")}

    assert (found[good["key"]]["variant"], found[good["key"]]["error_code"]) == ("on", None)
    broken = [found[key] for key in ("cyclic", "unknown", "odd")]
    assert [each["error_code"] for each in broken] == ["PARSE_ERROR", "PARSE_ERROR", "GENERAL"]
    assert {(each["reason"], each["value"], each["variant"]) for each in broken} == {("ERROR", None, None)}
    assert "a → b → a" in found["cyclic"]["error_details"]


# -- Without a database: the algorithm alone ------------------------------------------------------------------------


ACME: Final = TenantName.parse("acme")


def compiled(*flags: dict[str, Any], **evaluators: Any) -> FlagSet:
    """A set as the service would read it."""
    assert ACME is not None
    given = [
        {"id": str(new_id()), "state": "ENABLED", "targeting": None, "metadata": {}, "default_variant": "off"} | each
        for each in flags
    ]
    raw = {"version": 1, "evaluators": evaluators, "metadata": {}, "flags": given}
    return compile_set(raw, "digest", Tenant(ACME, "role", "active", "0001"))


def ruled(rule: Any, **fields: Any) -> dict[str, Any]:
    return {"key": "flag", "variants": SWITCHED, "targeting": rule} | fields


@pytest.mark.promise("S7")
def test_a_rule_that_would_take_for_ever_ends() -> None:
    many = [1] * 60
    doubling = {"reduce": [many, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}, "x"]}
    squaring = {"reduce": [many, {"*": [{"var": "accumulator"}, {"var": "accumulator"}]}, 7]}
    merging = {"reduce": [many, {"merge": [{"var": "accumulator"}, {"var": "accumulator"}]}, [1]]}
    nesting: Any = {"var": ""}
    for _ in range(8):
        nesting = {"map": [many, nesting]}
    searching = {"filter": [many * 9, {"in": ["x", {"var": "text"}]}]}

    for rule in (doubling, squaring, merging, nesting):
        found = evaluate(compiled(ruled(rule)), "flag", {})
        assert (found.error_code, found.reason) == ("GENERAL", "ERROR"), rule
        assert "too" in str(found.error_details)
    assert evaluate(compiled(ruled(searching)), "flag", {"text": "y" * 1000}).error_details is not None


def test_all_flags_together_have_a_limit_too() -> None:
    """The last ones fail, as anything else would be a way to hold up the process."""
    busy = {"if": [{"some": [[1] * 2000, {">": [{"+": [{"var": ""}, 1]}, 5]}]}, "on"]}

    found = evaluate_all(compiled(*(ruled(busy, key=f"f{n}") for n in range(90)), ruled(None, key="plain")), {})

    failed = [key for key, evaluation in found.items() if evaluation.error_code]
    assert 0 < len(failed) < 90
    assert failed == sorted(failed, key=lambda key: int(key[1:]))
    assert failed[-1] == "f89"
    assert found["plain"].variant == "off"


# What flagd's own reference does with the same flags and contexts, it does here too.
NAMES: Final = ("email", "tier", "n", "targetingKey", "v")
values = st.one_of(
    st.sampled_from(["on", "off", "gold", "m@acme.example", "1.2.3", "", 0, 1, 2.5, True, False, None]),
    st.integers(-5, 5),
)
contexts = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)
leaves = st.one_of(values, st.sampled_from([{"var": name} for name in NAMES]))


def operations(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    pairs = st.lists(parts, min_size=2, max_size=2)
    two = st.sampled_from(["==", "===", "!=", "<", ">=", "+", "-", "*", "/", "%", "in", "starts_with", "ends_with"])
    weights = st.lists(st.tuples(st.sampled_from(["on", "off"]), st.integers(0, 9)).map(list), min_size=1, max_size=3)
    return st.one_of(
        st.tuples(two, pairs).map(lambda made: {made[0]: made[1]}),
        st.tuples(st.sampled_from(["!", "!!"]), st.lists(parts, min_size=1, max_size=1)).map(lambda m: {m[0]: m[1]}),
        st.lists(parts, min_size=2, max_size=5).map(lambda given: {"if": given}),
        st.tuples(st.sampled_from(["and", "or", "cat", "min", "max"]), st.lists(parts, min_size=1, max_size=3)).map(
            lambda made: {made[0]: made[1]}
        ),
        st.tuples(st.sampled_from(["=", "<", ">=", "^", "~"]), pairs).map(
            lambda made: {"sem_ver": [made[1][0], made[0], made[1][1]]}
        ),
        weights.map(lambda given: {"fractional": given}),
        st.tuples(st.sampled_from(["some", "all", "map", "filter"]), st.lists(parts, max_size=3), parts).map(
            lambda made: {made[0]: [made[1], made[2]]}
        ),
    )


rules = st.recursive(leaves, operations, max_leaves=12).filter(lambda rule: isinstance(rule, dict))


@given(rules, contexts)
def test_what_flagd_answers_is_answered(rule: Any, context: dict[str, Any]) -> None:
    """The same variant, reason and value; where flagd raises, an error."""
    core = FlagdCore()
    core.set_flags(
        {"flags": {"flag": {"state": "ENABLED", "variants": SWITCHED, "defaultVariant": "off", "targeting": rule}}}
    )
    attributes = {name: value for name, value in context.items() if name != "targetingKey"}
    asked = EvaluationContext(context.get("targetingKey"), {**attributes, "tenant": {"id": "acme"}})
    try:
        known = core.resolve_boolean_value("flag", False, asked)
        expected: Any = (known.value, known.variant, str(known.reason))
    except (OpenFeatureError, ArithmeticError, TypeError, ValueError, AttributeError):
        expected = (None, None, "ERROR")

    found = evaluate(compiled(ruled(rule)), "flag", context)

    assert (found.value, found.variant, found.reason) == expected


@given(rules, contexts)
def test_an_explanation_agrees_with_the_evaluation(rule: Any, context: dict[str, Any]) -> None:
    """It is made by another way through the rule, which must not lead elsewhere."""
    flags = compiled(ruled(rule))

    found = explain(flags, ExplainRequest(key="flag", context=context))

    evaluation = evaluate(flags, "flag", context)
    assert (found.variant, found.reason) == (evaluation.variant, evaluation.reason)
    if evaluation.reason == "TARGETING_MATCH":
        assert found.rule is not None
        result = found.rule.result
        assert (str(result).lower() if isinstance(result, bool) else str(result)) == evaluation.variant
    elif evaluation.reason == "DEFAULT":
        assert found.rule is not None
        assert found.rule.result is None


@given(st.text(max_size=40), st.integers(0, 100), st.integers(0, 100), st.sampled_from(["", "email"]))
def test_a_roll_out_only_ever_adds(person: str, one: int, other: int, dealt_by: str) -> None:
    """Whoever has a feature at 10 % has it at 20 %."""
    less, more = sorted((one, other))
    by: list[Any] = [{"var": dealt_by}] if dealt_by else []
    context = {"targetingKey": person or "nobody", "email": person}

    variants = [
        evaluate(compiled(ruled({"fractional": [*by, ["on", part], ["off", 100 - part]]})), "flag", context).variant
        for part in (less, more)
    ]

    assert variants in (["off", "off"], ["off", "on"], ["on", "on"])


def test_a_roll_out_reaches_its_share() -> None:
    """Of 2,000 people 10 % are 200, give or take five standard deviations; and they are others for another flag."""
    share = {"fractional": [["on", 10], ["off", 90]]}
    flags = compiled(ruled(share), ruled(share, key="another"))

    found = {
        key: {n for n in range(2000) if evaluate(flags, key, {"targetingKey": f"user-{n}"}).value}
        for key in flags.flags
    }

    assert all(133 < len(people) < 267 for people in found.values())
    assert found["flag"] != found["another"]


async def test_a_set_is_compiled_once_for_each_content(app: FastAPI, tenant: TestTenant) -> None:
    """It is read again every moment; as long as it is the same, so are its answers, to the object."""
    services, known = services_of(app), await registered(app, tenant.name)
    item = await make(tenant.owner)

    first = await find_flag_set(services, known)
    await services.caches.forget([(f"{tenant.name}/flags", None)])
    again = await find_flag_set(services, known)
    await tenant.owner.post(f"{FLAGS}/{item['key']}/toggle")
    changed = await find_flag_set(services, known)

    assert again is first
    assert evaluate(first, item["key"], {}) is evaluate(again, item["key"], {"x": 1})
    assert (changed.version, changed.digest != first.digest) == (first.version + 1, True)
    assert evaluate(changed, item["key"], {}).reason == "DISABLED"
