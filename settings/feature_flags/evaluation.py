"""Which variant of a flag applies: a tenant's flags, compiled once for each version, and their evaluation.

Rules are evaluated by openfeature-flagd-core (``operators``). Around it stands what its own ``FlagdCore`` lacks: one
broken flag fails alone, a rule has an end, and each possible answer is made once, when the set is compiled, so that 200
flags are little more than 200 look-ups.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from database import Tenant
from serving.services import Services
from settings.feature_flags.compiling import Compiler, RuleFault
from settings.feature_flags.operators import Meter, TooCostly, apply_rule

# `$flagd` but for its flagKey; and a `var` whose name is computed, or that reads the whole context.
CLOCK: Final = re.compile(r'\$flagd(?!\.flagKey")|"var":\[?(?:""|null|\]|\{)')
ALL_STEPS: Final = 500_000  # of one evaluation of all flags: some 0.3 s

Reason = Literal["STATIC", "DEFAULT", "TARGETING_MATCH", "DISABLED", "ERROR"]
ErrorCode = Literal["FLAG_NOT_FOUND", "PARSE_ERROR", "GENERAL"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a flag is for somebody. Equal answers of a set's version are one object, which may be a key."""

    value: Any
    variant: str | None
    reason: Reason
    metadata: Mapping[str, Any]
    error_code: ErrorCode | None = None
    error_details: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Flag:
    """A compiled flag, with every answer it can give. ``static`` is the answer that no context changes."""

    id: UUID
    key: str
    targeting: Any
    rule: Any
    steps: int
    default: Evaluation
    matches: Mapping[str, Evaluation]
    static: Evaluation | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class FlagSet:
    """A tenant's flags. ``version`` counts every change of any of them; ``digest`` tells sets of the same version
    apart, as a tenant has that was dropped and made again. ``attributes`` are what the server adds to every context.
    ``reads_clock``: some rule may ask for the time, so that answers change although nothing was changed."""

    version: int
    digest: str
    flags: Mapping[str, Flag]
    evaluators: Mapping[str, Any]
    metadata: Mapping[str, Any]
    attributes: Mapping[str, Any]
    reads_clock: bool
    ids: tuple[UUID, ...]


async def find_flag_set(services: Services, tenant: Tenant) -> FlagSet:
    """The tenant's flags as they are now; a tenant without any has an empty set of version 0."""
    found = await services.find_flag_set(tenant)
    assert isinstance(found, FlagSet)
    return found


def evaluate(flag_set: FlagSet, key: str, context: Mapping[str, Any]) -> Evaluation:
    """One flag for one context; ``targetingKey`` in it says who is asking. Never fails: a fault is an answer."""
    flag = flag_set.flags.get(key)
    if flag is None:
        return Evaluation(None, None, "ERROR", {}, "FLAG_NOT_FOUND", "There is no such flag.")
    return _evaluate(flag, context_data(flag_set, context), Meter())


def evaluate_all(flag_set: FlagSet, context: Mapping[str, Any]) -> dict[str, Evaluation]:
    """Every flag for one context, each failing alone. Together they may take ``ALL_STEPS``."""
    data, left = context_data(flag_set, context), ALL_STEPS
    found = {}
    for key, flag in flag_set.flags.items():
        if flag.static is not None:
            found[key] = flag.static
            continue
        meter = Meter() if left > 0 else Meter(0)
        steps = meter.left
        found[key] = _evaluate(flag, data, meter)
        left -= steps - meter.left
    return found


def context_data(flag_set: FlagSet, context: Mapping[str, Any], key: str = "") -> dict[str, Any]:
    """What rules see: the caller's context, and what the server knows, which no caller can replace."""
    known = {"flagKey": key, "timestamp": int(time.time())}
    return {"targetingKey": None, **context, **flag_set.attributes, "$flagd": known}


def _evaluate(flag: Flag, data: dict[str, Any], meter: Meter) -> Evaluation:
    if flag.static is not None:
        return flag.static
    data["$flagd"] = {**data["$flagd"], "flagKey": flag.key}
    try:
        meter.charge(flag.steps)
        result = apply_rule(flag.rule, data, meter)
    except TooCostly as error:
        return _failure(flag, "GENERAL", str(error))
    except ReferenceError as error:  # what the library raises about an operator it does not know
        return _failure(flag, "PARSE_ERROR", str(error))
    except Exception as error:  # whatever arguments a context made of it, one flag fails alone
        return _failure(flag, "GENERAL", f"The rule cannot be evaluated for this context: {type(error).__name__}.")
    return answer_of(flag, result)


def answer_of(flag: Flag, result: Any) -> Evaluation:
    """The answer that a rule's result stands for, in flagd's reading: null is the default, true is ``"true"``."""
    if result is None:
        return flag.default
    name = str(result).lower() if isinstance(result, bool) else str(result)
    return flag.matches.get(name) or _failure(flag, "GENERAL", f"The rule names {name[:64]!r}, which is no variant.")


def compile_set(raw: Mapping[str, Any], digest: str, tenant: Tenant) -> FlagSet:
    """A set as ``queries.load_flag_set`` reads it, ready to be evaluated."""
    compiler = Compiler(raw["evaluators"])
    return FlagSet(
        version=raw["version"],
        digest=digest,
        flags={flag["key"]: _compile_flag(flag, raw["metadata"], compiler) for flag in raw["flags"]},
        evaluators=raw["evaluators"],
        metadata=raw["metadata"],
        attributes={"tenant": {"id": tenant.name.tenant_id}},
        reads_clock=_reads_clock(raw),
        ids=tuple(UUID(flag["id"]) for flag in raw["flags"]),
    )


def _reads_clock(raw: Mapping[str, Any]) -> bool:
    rules = [raw["evaluators"], *(flag["targeting"] for flag in raw["flags"])]
    return CLOCK.search(json.dumps(rules, separators=(",", ":"))) is not None


def _compile_flag(flag: Mapping[str, Any], shared: Mapping[str, Any], compiler: Compiler) -> Flag:
    metadata = {**shared, **flag["metadata"]}
    default = _default(flag, metadata, "DEFAULT")
    rule, steps, static = None, 0, None
    if flag["state"] == "DISABLED":
        static = Evaluation(None, None, "DISABLED", metadata)
    elif not flag["targeting"]:
        static = _default(flag, metadata, "STATIC")
    else:
        try:
            compiled = compiler.compile(flag["targeting"])
            rule, steps = compiled.rule, compiled.nodes
        except RuleFault as fault:
            static = Evaluation(None, None, "ERROR", metadata, "PARSE_ERROR", fault.message)
    return Flag(
        id=UUID(flag["id"]),
        key=flag["key"],
        targeting=flag["targeting"],
        rule=rule,
        steps=steps,
        default=default,
        matches={
            name: Evaluation(value, name, "TARGETING_MATCH", metadata) for name, value in flag["variants"].items()
        },
        static=static,
        metadata=metadata,
    )


def _default(flag: Mapping[str, Any], metadata: Mapping[str, Any], reason: Reason) -> Evaluation:
    """The default variant. A flag without one leaves the value to the code that asks, as flagd does."""
    name = flag["default_variant"]
    if name is None:
        return Evaluation(None, None, "DEFAULT", metadata)
    if name not in flag["variants"]:
        return Evaluation(None, None, "ERROR", metadata, "GENERAL", "The default variant is not among the variants.")
    return Evaluation(flag["variants"][name], name, reason, metadata)


def _failure(flag: Flag, code: ErrorCode, details: str) -> Evaluation:
    return Evaluation(None, None, "ERROR", flag.metadata, code, details)
