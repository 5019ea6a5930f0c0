"""Why a flag is what it is: the rule evaluated part by part, with the pointer of each part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from json_logic.builtins import not_, to_bool

from common.errors import NotFound
from common.http.problems import write_pointer
from settings.feature_flags.compiling import Compiler, reference_in
from settings.feature_flags.evaluation import Evaluation, Flag, FlagSet, context_data, evaluate
from settings.feature_flags.faults import Faults, Path, check_json, size_of
from settings.feature_flags.operators import ITERATIONS, OPERATORS, Meter, apply_rule, metering
from settings.feature_flags.schemas import Decision, ExplainRequest, FlagExplanation, Step

MAX_STEPS: Final = 200
MAX_RESULT_BYTES: Final = 2_000


def explain(flag_set: FlagSet, payload: ExplainRequest) -> FlagExplanation:
    """A flag's evaluation with its reasons. Raises NotFound, or FlagsInvalid about the context."""
    faults = Faults()
    check_json(payload.context, ("body", "context"), faults)
    faults.raise_if_any()
    flag = flag_set.flags.get(payload.key)
    if flag is None:
        raise NotFound("There is no such feature flag.")
    evaluation = evaluate(flag_set, payload.key, payload.context)
    trace = Trace(flag_set, flag)
    if flag.static is None:
        trace.run(context_data(flag_set, payload.context, flag.key))
    return _shown(flag_set, flag, evaluation, trace)


class Trace:
    """Evaluates a rule as it was written, with the same operators and in the same order as the compiled one, and keeps
    what each part came to."""

    def __init__(self, flag_set: FlagSet, flag: Flag) -> None:
        self.steps: list[Step] = []
        self.decision: Decision | None = None
        self._evaluators = flag_set.evaluators
        self._compiler = Compiler(flag_set.evaluators)
        self._targeting = flag.targeting
        self._data: Mapping[str, Any] = {}
        self._meter = Meter()

    def run(self, data: Mapping[str, Any]) -> Any:
        """Evaluate the rule. What cannot be evaluated ends the trace, where the evaluation ended too."""
        self._data = data
        try:
            with metering(self._meter):
                return self._value(self._targeting, ("targeting",), decides=True)
        except Exception:  # as in an evaluation: what a context makes of odd rules is no failure of ours
            return None

    def _value(self, value: Any, path: Path, *, decides: bool = False) -> Any:
        name = reference_in(value)
        if name is not None:
            return self._value(self._evaluators[name], ("$evaluators", name), decides=decides)
        if isinstance(value, list):
            result: Any = [self._value(part, (*path, n)) for n, part in enumerate(value)]
        elif isinstance(value, dict) and len(value) == 1:
            ((operator, given),) = value.items()
            if operator in {"if", "?:"}:
                return self._choice(value, path, operator, decides=decides)
            result = self._operation(operator, given, path)
            self._note(path, operator, result)
        else:
            result = value
        if decides:
            self.decision = Decision(pointer=write_pointer(path), rule=shown(value)[0], result=shown(result)[0])
        return result

    def _choice(self, value: dict[str, Any], path: Path, operator: str, *, decides: bool) -> Any:
        """`if`: condition, end, condition, end, and maybe a last end. The end that was chosen decides."""
        parts = _placed(value[operator], (*path, operator))
        result: Any = None
        while parts:
            if len(parts) == 1:
                result = self._value(*parts[0], decides=decides)
                break
            condition, end, *parts = parts
            if to_bool(self._value(*condition)):
                result = self._value(*end, decides=decides)
                break
        else:
            if decides:
                self.decision = Decision(pointer=write_pointer(path), rule=shown(value)[0], result=None)
        self._note(path, operator, result)
        return result

    def _operation(self, operator: str, given: Any, path: Path) -> Any:
        parts = _placed(given, (*path, operator))
        if operator in {"and", "or"}:
            ends = not_ if operator == "and" else to_bool
            result = None
            for part in parts:
                result = self._value(*part)
                if ends(result):
                    break
            return result
        if operator in ITERATIONS:
            compiled = self._compiler.compile({operator: given})
            return apply_rule(compiled.rule, self._data, self._meter)
        return OPERATORS[operator](self._data, *(self._value(*part) for part in parts))

    def _note(self, path: Path, operator: str, result: Any) -> None:
        if len(self.steps) < MAX_STEPS:
            value, omitted = shown(result)
            self.steps.append(Step(pointer=write_pointer(path), operator=operator, result=value, omitted=omitted))


def shown(result: Any) -> tuple[Any, bool]:
    """A result as JSON, which has no NaN; nothing in place of what is too large, and whether that is so."""
    if size_of(result) > MAX_RESULT_BYTES:
        return None, True
    return json.loads(json.dumps(result), parse_constant=lambda _: None), False


def _placed(given: Any, place: Path) -> list[tuple[Any, Path]]:
    """An operator's arguments, each with its place; one alone may stand there without a list."""
    return [(part, (*place, n)) for n, part in enumerate(given)] if isinstance(given, list) else [(given, place)]


def _shown(flag_set: FlagSet, flag: Flag, evaluation: Evaluation, trace: Trace) -> FlagExplanation:
    return FlagExplanation(
        key=flag.key,
        value=evaluation.value,
        variant=evaluation.variant,
        reason=evaluation.reason,
        metadata=dict(evaluation.metadata),
        error_code=evaluation.error_code,
        error_details=evaluation.error_details,
        set_version=flag_set.version,
        rule=trace.decision,
        steps=trace.steps,
        attributes=dict(flag_set.attributes),
    )
