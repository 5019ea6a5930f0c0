"""The registry of settings: what a key means, declared in code by the module that obeys it.

A declared key has a type, a default and limits; the tenant's value comes before the system's, and that before the
default. Each module lists its own in ``declarations.py``, as it does its permissions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from common.config import Config
from common.enums import SettingType


@dataclass(frozen=True, slots=True)
class Declaration:
    """A key the service knows. ``default`` may be taken from the configuration; ``check`` names what is wrong with a
    value whose type and limits are right, or answers None."""

    key: str
    value_type: SettingType
    default: Any | Callable[[Config], Any]
    description: str
    is_public: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()
    pattern: str | None = None
    check: Callable[[Any], str | None] | None = None

    def default_in(self, config: Config) -> Any:
        """The value where neither the tenant nor the system has one."""
        return self.default(config) if callable(self.default) else self.default


Registry = Mapping[str, Declaration]
Effective = Mapping[str, Any]
"""The effective values of a tenant's declared keys, secrets excepted."""
