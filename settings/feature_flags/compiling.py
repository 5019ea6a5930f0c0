"""Rules as they are evaluated: shared rules put in their place, iterations on the meter.

The library replaces `$ref` by a regular expression in the JSON text: backslashes get lost, and a shared rule that names
another is left with a hole. Here it is a walk over the values; a shared rule stays one object, however often it is
named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from settings.feature_flags.operators import ITERATIONS, STEP

REF: Final = "$ref"
MAX_DEPTH: Final = 32  # of nesting, shared rules in their places
MAX_NODES: Final = 10_000  # values in a rule, shared rules counted wherever they stand


class RuleFault(Exception):
    """A rule that cannot be evaluated: ``code`` says why, ``path`` where."""

    def __init__(self, code: str, message: str, path: tuple[int | str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path


class Compiled:
    """A rule ready to be evaluated, how many values it has and how deep it is."""

    __slots__ = ("depth", "nodes", "rule")

    def __init__(self, rule: Any, nodes: int, depth: int) -> None:
        self.rule = rule
        self.nodes = nodes
        self.depth = depth


class Compiler:
    """Compiles the rules of one set."""

    def __init__(self, evaluators: Mapping[str, Any]) -> None:
        self._evaluators = evaluators
        self._done: dict[str, Compiled] = {}
        self._under_way: list[str] = []

    def compile(self, rule: Any) -> Compiled:
        """The rule with everything it names. Raises RuleFault."""
        compiled = self._value(rule, (), 1)
        if compiled.nodes > MAX_NODES:
            raise RuleFault("rule_too_large", f"With its shared rules it has more than {MAX_NODES} values.")
        if compiled.depth > MAX_DEPTH:
            raise RuleFault("rule_too_deep", f"With its shared rules it is nested deeper than {MAX_DEPTH}.")
        return compiled

    def _value(self, value: Any, path: tuple[int | str, ...], depth: int) -> Compiled:
        if depth > MAX_DEPTH:
            raise RuleFault("rule_too_deep", f"It is nested deeper than {MAX_DEPTH}.", path)
        if isinstance(value, list):
            return self._list(value, path, depth)
        name = reference_in(value)
        if name is not None:
            return self._reference(name, path)
        if not isinstance(value, dict) or len(value) != 1:
            return Compiled(value, 1, 1)
        ((operator, given),) = value.items()
        arguments = given if isinstance(given, list) else [given]
        places = [(*path, operator, n) for n in range(len(given))] if isinstance(given, list) else [(*path, operator)]
        parts = [self._value(part, place, depth + 1) for part, place in zip(arguments, places, strict=True)]
        rules = [part.rule for part in parts]
        if operator in ITERATIONS and len(parts) > 1:
            rules[1] = {STEP: [parts[1].nodes, rules[1]]}
        return _together({operator: rules}, parts)

    def _list(self, value: list[Any], path: tuple[int | str, ...], depth: int) -> Compiled:
        parts = [self._value(part, (*path, n), depth + 1) for n, part in enumerate(value)]
        return _together([part.rule for part in parts], parts)

    def _reference(self, name: str, path: tuple[int | str, ...]) -> Compiled:
        if name in self._done:
            return self._done[name]
        if name not in self._evaluators:
            raise RuleFault("reference_unknown", f"There is no shared rule {name[:64]!r}.", path)
        if name in self._under_way:
            circle = " → ".join([*self._under_way[self._under_way.index(name) :], name])
            raise RuleFault("reference_cyclic", f"Shared rules name each other in a circle: {circle[:200]}.", path)
        self._under_way.append(name)
        try:
            compiled = self._value(self._evaluators[name], path, 1)
        finally:
            self._under_way.pop()
        self._done[name] = compiled
        return compiled


def reference_in(value: Any) -> str | None:
    """The shared rule that a value stands for."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get(REF), str):
        return str(value[REF])
    return None


def _together(rule: Any, parts: list[Compiled]) -> Compiled:
    nodes = 1 + sum(part.nodes for part in parts)
    return Compiled(rule, nodes, 1 + max((part.depth for part in parts), default=0))
