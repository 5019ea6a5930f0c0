"""What the tenant of the benchmarks has: a setting, and two hundred flags with rules as they are in use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PASSWORD: Final = "a password for the benchmarks"  # noqa: S105 - of a database that lives for a minute
# The service's own parameters, which it has from OWASP.
ARGON2: Final[Mapping[str, Any]] = {
    "argon2__type": "ID",
    "argon2__memory_cost": 19_456,
    "argon2__time_cost": 2,
    "argon2__parallelism": 1,
}
TENANT: Final = "tenant_bench"
SETTING: Final = "branding.color"
SETTING_VALUE: Final = {"value": "#0a6cc4", "value_type": "string", "description": "The colour of the frame"}
FLAGS: Final = 200
CONTEXT: Final = {
    "targetingKey": "user-17",
    "email": "maria@acme.example",
    "plan": "gold",
    "country": "GR",
    "version": "3.4.1",
}
ON: Final = {"on": True, "off": False}
# Each flag has one: by address, by a share of the users, by version, by two facts together.
RULES: Final[tuple[Any, ...]] = (
    {"if": [{"ends_with": [{"var": "email"}, "@acme.example"]}, "on", None]},
    {"fractional": [["on", 30], ["off", 70]]},
    {"if": [{"sem_ver": [{"var": "version"}, ">=", "3.0.0"]}, "on", "off"]},
    {"if": [{"and": [{"==": [{"var": "plan"}, "gold"]}, {"in": [{"var": "country"}, ["GR", "CY"]]}]}, "on", "off"]},
)


def flag_definition() -> dict[str, Any]:
    """The flags as a flagd document."""
    return {"flags": {f"flag-{number:03}": _flag(number) for number in range(FLAGS)}}


def _flag(number: int) -> dict[str, Any]:
    return {
        "state": "ENABLED",
        "variants": ON,
        "defaultVariant": "off",
        "targeting": RULES[number % len(RULES)],
        "metadata": {"team": "booking"},
    }
