"""The operators of targeting: those of openfeature-flagd-core, on a meter.

The library evaluates whatever it is given for as long as it takes: `reduce` over `cat` doubles a text at every step,
two nested `map` multiply. One tenant's rule must not hold up a process that serves all of them, so each evaluation has
so many steps, and no operator may make something large.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final

from json_logic import jsonLogic
from openfeature.contrib.tools.flagd.core.targeting.targeting import OPERATORS as LIBRARY

STEP: Final = "$step"  # stands around what is evaluated for every element of a list; no rule may write it
ITERATIONS: Final = frozenset({"map", "filter", "reduce", "all", "some", "none"})
CONTROL: Final = frozenset({"if", "?:", "and", "or"})
MAX_TEXT: Final = 65_536  # characters
MAX_LIST: Final = 10_000
MAX_BITS: Final = 1_024  # of an integer; JSON has doubles, which end there
MAX_STEPS: Final = 50_000  # of one evaluation: some 30 ms

# What the library has to say about a caller's context is no error of the service, and would put it in the log.
logging.getLogger("openfeature.contrib").setLevel(logging.CRITICAL + 1)


class TooCostly(Exception):
    """A rule took more steps, or made something larger, than one evaluation may."""


class Meter:
    """How many steps are left."""

    __slots__ = ("left",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.left = steps

    def charge(self, steps: int) -> None:
        """Take some. Raises TooCostly when there are no more."""
        self.left -= steps
        if self.left < 0:
            raise TooCostly("The rule takes too many steps.")


_meter: ContextVar[Meter] = ContextVar("meter")
Operator = Callable[..., Any]


def apply_rule(rule: Any, data: Any, meter: Meter) -> Any:
    """What a compiled rule comes to. Raises TooCostly, and whatever the library does about odd arguments."""
    with metering(meter):
        return jsonLogic(rule, data, OPERATORS)


@contextmanager
def metering(meter: Meter) -> Iterator[None]:
    """Have the operators charge this meter."""
    token = _meter.set(meter)
    try:
        yield
    finally:
        _meter.reset(token)


def _step(_data: Any, steps: int, result: Any) -> Any:
    _meter.get().charge(steps)
    return result


def _metered(operator: Operator) -> Operator:
    """The same operator, paid for by the size of its arguments and held to a size of its result."""

    @wraps(operator)
    def run(data: Any, *args: Any) -> Any:
        _meter.get().charge(1 + sum(len(arg) >> 4 for arg in args if isinstance(arg, str | list)))
        result = operator(data, *args)
        _check_size(result)
        return result

    return run


def _check_size(result: Any) -> None:
    if isinstance(result, str):
        too_large = len(result) > MAX_TEXT
    elif isinstance(result, list):
        too_large = len(result) > MAX_LIST
    else:
        too_large = isinstance(result, int) and result.bit_length() > MAX_BITS
    if too_large:
        raise TooCostly("The rule makes something too large.")


def _cat(_data: Any, *args: Any) -> str:
    """As the library's, which would first make the whole text and then be told that it is too long."""
    if sum(len(arg) for arg in args if isinstance(arg, str)) > MAX_TEXT:
        raise TooCostly("The rule makes something too large.")
    return str(LIBRARY["cat"](_data, *args))


def _product(_data: Any, *args: Any) -> Any:
    """As the library's, factor by factor."""
    value: Any = 1
    for arg in args:
        value = LIBRARY["*"](_data, value, arg)
        _check_size(value)
    return value


# `log` prints to the service's own output, and tells nobody anything.
_OWN: Final[Mapping[str, Operator]] = {"cat": _cat, "*": _product}
# Those that can make something large, or take long over something large. What the others cost, the count of a rule's
# values covers.
_HEAVY: Final = frozenset({"cat", "merge", "*", "+", "-", "in", "===", "!==", "fractional", "sem_ver"})
OPERATORS: Final[dict[str, Operator]] = {
    name: _metered(_OWN.get(name, operator)) if name in _HEAVY else operator
    for name, operator in LIBRARY.items()
    if name != "log"
} | {STEP: _step}

KNOWN: Final = (frozenset(OPERATORS) | ITERATIONS | CONTROL) - {STEP}
"""Every operator that a rule may use, `$ref` excepted."""
