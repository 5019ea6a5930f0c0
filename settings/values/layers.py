"""What stands above a tenant's own value, as a change of it has to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.audit import HIDDEN
from common.enums import SettingType
from common.errors import SettingInvalid, SettingLocked
from common.registry import Declaration
from settings.schemas import RESERVED
from settings.values.stored import Stored


@dataclass(frozen=True, slots=True)
class Above:
    """For one key, the system's value, if only its version, and the declaration."""

    declaration: Declaration | None
    system: Stored | None

    @property
    def inherited(self) -> Stored | None:
        """The system's value."""
        return self.system if self.system is not None and self.system.is_set else None

    @property
    def is_known(self) -> bool:
        """Whether there is a value without the tenant's own."""
        return self.declaration is not None or self.inherited is not None

    @property
    def version(self) -> int:
        """How often the system's value was changed."""
        return self.system.version if self.system else 0

    @property
    def is_public(self) -> bool:
        """Whether the value above is shown to anybody."""
        if self.inherited is not None:
            return self.inherited.is_public
        return self.declaration is not None and self.declaration.is_public

    @property
    def value_type(self) -> SettingType | None:
        """The type that a value of the tenant's must have."""
        if self.declaration is not None:
            return self.declaration.value_type
        return self.inherited.value_type if self.inherited else None

    def check_unlocked(self) -> None:
        """Raise SettingLocked unless the tenant may have a value of its own."""
        if self.inherited is not None and self.inherited.is_locked:
            raise SettingLocked


def check_key(key: str, pointer: str = "/body/key") -> str:
    """A key that a new value may have. Raises SettingInvalid."""
    if key in RESERVED:
        raise SettingInvalid("This word is part of an address and cannot be a key.", pointer=pointer, reason="reserved")
    return key


def choose_type(given: SettingType | None, known: SettingType | None, current: SettingType | None) -> SettingType:
    """The type of a new value: the one of the layers above, else the one given, else the one it has. Raises
    SettingInvalid if the first two differ, or there is none."""
    if known is not None and given not in {None, known}:
        raise SettingInvalid(f"This key has the type {known}.", pointer="/body/value_type", reason="wrong_type")
    chosen = known or given or current
    if chosen is None:
        raise SettingInvalid("A new key needs a type.", pointer="/body/value_type", reason="missing")
    return chosen


def check_public(value_type: SettingType, *, is_public: bool) -> None:
    """Raise SettingInvalid for a secret that would be shown to anybody."""
    if is_public and value_type is SettingType.SECRET:
        raise SettingInvalid("A secret cannot be public.", pointer="/body/is_public", reason="secret_is_not_public")


def keeps_secret(value_type: SettingType, value: Any, current: Stored | None) -> bool:
    """Whether what was sent is the mask of a secret that is stored and stays. Raises SettingInvalid for a mask that
    stands for no secret, and for one that would become a value."""
    was_secret = current is not None and current.secret is not None
    if value != HIDDEN or not (was_secret or value_type is SettingType.SECRET):
        return False
    if not was_secret:
        raise SettingInvalid(
            "There is no stored secret that this could stand for.", pointer="/body/value", reason="no_stored_secret"
        )
    if value_type is not SettingType.SECRET:
        raise SettingInvalid("What is no secret any more needs a new value.", pointer="/body/value", reason="missing")
    return True
