"""What a targeting rule must be before it is stored. Every fault has the pointer of the place it is at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from settings.feature_flags.compiling import MAX_DEPTH, REF, Compiler, RuleFault, reference_in
from settings.feature_flags.faults import Faults, Path
from settings.feature_flags.operators import KNOWN

MAX_WEIGHTS: Final = 2**31 - 1  # what the library takes all weights of a roll-out together
MANY: Final = 10_000
# How many arguments an operator takes. The library ignores one too many and makes null of one too few.
ARGUMENTS: Final[Mapping[str, tuple[int, int]]] = {
    "if": (2, MANY),
    "?:": (3, 3),
    **dict.fromkeys(("==", "!=", "===", "!==", "in", "/", "%", "map", "filter", "all", "some", "none"), (2, 2)),
    **dict.fromkeys(("<", "<=", ">", ">=", "reduce", "substr"), (2, 3)),
    **dict.fromkeys(("!", "!!"), (1, 1)),
    "-": (1, 2),
    "var": (1, 2),
    "missing_some": (2, 2),
    "sem_ver": (3, 3),
    "starts_with": (2, 2),
    "ends_with": (2, 2),
    "fractional": (1, MANY),
}
COMPARISONS: Final = ("=", "!=", "<", "<=", ">", ">=", "^", "~")


class RuleCheck:
    """Checks the rules of one document, and notes what is wrong with them."""

    def __init__(self, evaluators: Mapping[str, Any], faults: Faults) -> None:
        self._evaluators = evaluators
        self._faults = faults
        self._compiler = Compiler(evaluators)

    def check(self, rule: Any, path: Path, variants: Collection[str] | None = None) -> None:
        """A rule whose results, where they can be read off, must be among ``variants``."""
        before = self._faults.count
        self._node(rule, path, 1)
        if self._faults.count == before:
            self._check_whole(rule, path)
        if self._faults.count == before and variants is not None:
            self._check_results(rule, path, variants)

    def _check_whole(self, rule: Any, path: Path) -> None:
        try:
            self._compiler.compile(rule)
        except RuleFault as fault:
            self._faults.add((*path, *fault.path), fault.code, fault.message)

    def _node(self, value: Any, path: Path, depth: int) -> None:
        if depth > MAX_DEPTH:
            self._faults.add(path, "rule_too_deep", f"The rule is nested deeper than {MAX_DEPTH}.")
        elif isinstance(value, list):
            for n, part in enumerate(value):
                self._node(part, (*path, n), depth + 1)
        elif isinstance(value, dict):
            self._operation(value, path, depth)

    def _operation(self, value: dict[str, Any], path: Path, depth: int) -> None:
        if len(value) != 1:
            self._faults.add(path, "rule_form", "An object in a rule has exactly one member: an operator.")
            return
        ((operator, given),) = value.items()
        place = (*path, operator)
        if operator == REF:
            self._reference(value, path)
        elif operator not in KNOWN:
            self._faults.add(place, "operator_unknown", f"There is no operator {operator[:64]!r}.")
        else:
            self._arguments(operator, given if isinstance(given, list) else [given], place)
            parts = enumerate(given) if isinstance(given, list) else ()
            for n, part in parts:
                self._node(part, (*place, n), depth + 1)
            if not isinstance(given, list):
                self._node(given, place, depth + 1)

    def _reference(self, value: dict[str, Any], path: Path) -> None:
        name = reference_in(value)
        if name is None or name not in self._evaluators:
            shown = repr(name[:64]) if name is not None else "that is no text"
            self._faults.add((*path, REF), "reference_unknown", f"There is no shared rule {shown}.")

    def _arguments(self, operator: str, arguments: list[Any], place: Path) -> None:
        least, most = ARGUMENTS.get(operator, (0, MANY))
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"{least} to {most}" if most < MANY else f"at least {least}"
            self._faults.add(place, "arguments_wrong", f"`{operator}` takes {wanted} arguments.")
        elif operator == "sem_ver" and isinstance(arguments[1], str) and arguments[1] not in COMPARISONS:
            listed = " ".join(COMPARISONS)
            self._faults.add((*place, 1), "arguments_wrong", f"`sem_ver` compares by one of {listed}.")
        elif operator == "var" and not isinstance(arguments[0], str | int | dict):
            self._faults.add(place, "arguments_wrong", "`var` takes the name of what it reads.")
        elif operator == "fractional":
            self._weights(arguments, place)

    def _weights(self, arguments: list[Any], place: Path) -> None:
        """The parts of a roll-out: ``["on"]`` or ``["on", 10]``, behind what they are dealt by, if that is given."""
        first = 0 if isinstance(arguments[0], list) else 1
        if first == len(arguments):
            self._faults.add(place, "arguments_wrong", "`fractional` needs parts such as `['on', 10]`.")
            return
        total, is_known = 0, True
        for n, part in enumerate(arguments[first:], first):
            weight = self._weight(part, (*place, n))
            is_known = is_known and weight is not None
            total += weight or 0
        if is_known and not 1 <= total <= MAX_WEIGHTS:
            self._faults.add(place, "weights_wrong", f"The weights must add up to 1 to {MAX_WEIGHTS}.")

    def _weight(self, part: Any, place: Path) -> int | None:
        """The weight of a part; None when a rule computes it, or when it is none."""
        if not isinstance(part, list) or not 1 <= len(part) <= 2:
            self._faults.add(place, "weights_wrong", "A part is a list of a variant and, maybe, its weight.")
            return None
        weight = part[1] if len(part) == 2 else 1
        if isinstance(weight, dict):
            return None
        if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight <= MAX_WEIGHTS:
            self._faults.add((*place, 1), "weights_wrong", f"A weight is an integer from 0 to {MAX_WEIGHTS}.")
            return None
        return weight

    def _check_results(self, rule: Any, path: Path, variants: Collection[str]) -> None:
        for value, place in results_of(rule, path):
            name = str(value).lower() if isinstance(value, bool) else str(value)
            if name not in variants:
                self._faults.add(place, "variant_unknown", f"The rule names {name[:64]!r}, which is no variant.")


def results_of(rule: Any, path: Path) -> list[tuple[Any, Path]]:
    """What a rule may come to, as far as it is written there: the ends of `if`, the parts of `fractional`."""
    if not isinstance(rule, dict | list):
        return [] if rule is None else [(rule, path)]
    found: list[tuple[Any, Path]] = []
    if isinstance(rule, dict) and len(rule) == 1:
        ((operator, given),) = rule.items()
        arguments = given if isinstance(given, list) else [given]
        if operator in {"if", "?:"}:
            ends = [n for n in range(len(arguments)) if n % 2 or n == len(arguments) - 1]
            for n in ends:
                found += results_of(arguments[n], (*path, operator, n))
        elif operator == "fractional":
            for n, part in enumerate(arguments):
                if isinstance(part, list) and part:
                    found += results_of(part[0], (*path, operator, n, 0))
    return found
