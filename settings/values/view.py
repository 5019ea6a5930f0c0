"""What counts for a tenant: its own value, unless the system has locked the key; then the system's; then the default
that the code declares."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from common.audit import HIDDEN
from common.config import Config
from common.enums import SettingType
from common.keys import to_base64url
from common.registry import Declaration, Registry
from settings.schemas import PublicSetting, Setting, SettingSource
from settings.values.checks import find_fault
from settings.values.stored import Layer, Stored
from shared_models import Page


@dataclass(frozen=True, slots=True)
class Declared:
    """A declaration, with its default under this configuration."""

    declaration: Declaration
    default: Any


def declared_in(registry: Registry, config: Config) -> Mapping[str, Declared]:
    """The registry with its defaults."""
    return {key: Declared(declaration, declaration.default_in(config)) for key, declaration in registry.items()}


@dataclass(frozen=True, slots=True)
class Ready:
    """An answer that needs nothing but to be sent. Its ETag may be compared only where nothing but a change that was
    counted can change it: defaults come with the code and the configuration."""

    body: bytes
    etag: str
    may_match: bool = True


class View(dict[str, Any]):
    """The effective values of the declared keys, secrets excepted, which is what the service obeys; and everything that
    can be told of these and all other keys.

    Whoever changes the system's value of a key, or the declaration, may leave a tenant with a value that it could not
    have now. Such a value does not count.
    """

    def __init__(self, declared: Mapping[str, Declared], system: Layer, tenant: Layer) -> None:
        self._declared, self._system, self._tenant = declared, system, tenant
        self._ready: dict[str, Ready] = {}
        super().__init__(
            (key, self._value(key))
            for key, item in declared.items()
            if item.declaration.value_type is not SettingType.SECRET
        )

    def is_made_of(self, system: Layer, tenant: Layer) -> bool:
        """Whether it would be the same if it were made of these."""
        if self._system is system and self._tenant is tenant:
            return True
        return self._system == system and self._tenant == tenant

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """Every setting the tenant can see, by key."""
        keys = {*self._declared, *self._system, *self._tenant}
        return tuple(setting for key in sorted(keys) if (setting := self.find_setting(key)) is not None)

    @cached_property
    def public(self) -> Ready:
        """Those of them that anybody may see, as the answer to whoever asks."""
        shown = [PublicSetting.model_validate(setting) for setting in self.settings if setting.is_public]
        body = Page[PublicSetting](items=shown, total=len(shown)).model_dump_json().encode()
        return Ready(body, f'"{to_base64url(hashlib.sha256(body).digest()[:18])}"')

    def find_ready(self, key: str) -> Ready | None:
        """A setting as the answer to whoever asks for it."""
        ready = self._ready.get(key)
        if ready is None:
            setting = self.find_setting(key)
            if setting is None:
                return None
            body = setting.model_dump_json().encode()
            ready = self._ready[key] = Ready(body, f'"v{setting.version}"', setting.source is not SettingSource.DEFAULT)
        return ready

    def find_setting(self, key: str) -> Setting | None:
        """What is in force for a key."""
        declaration = self.find_declaration(key)
        system, stored = self.find_system(key), self._find_counting(key)
        if stored is None and declaration is None:
            return None
        texts = [row.description for row in (stored, system) if row is not None and row.is_set]
        return Setting(
            key=key,
            value=self._value(key) if self.value_type(key) is not SettingType.SECRET else HIDDEN,
            value_type=self.value_type(key),
            description=next(filter(None, texts), declaration.description if declaration else ""),
            source=self._source(stored),
            locked=self.is_locked(key),
            is_public=stored.is_public if stored else declaration is not None and declaration.is_public,
            version=self.version(key),
            updated_at=stored.updated_at if stored else None,
            updated_by=stored.updated_by if stored else None,
        )

    def find_declaration(self, key: str) -> Declaration | None:
        """What the code says of a key."""
        item = self._declared.get(key)
        return item.declaration if item else None

    def find_system(self, key: str) -> Stored | None:
        """What the system has stored for a key, if only its version."""
        return self._system.get(key)

    @property
    def own(self) -> Layer:
        """What the tenant has stored."""
        return self._tenant

    @property
    def declarations(self) -> Sequence[Declared]:
        """The registry, by key."""
        return [self._declared[key] for key in sorted(self._declared)]

    def with_one(self, key: str, system: Stored | None, own: Stored | None) -> Setting | None:
        """What would be in force for a key if these were stored."""
        declared = {key: self._declared[key]} if key in self._declared else {}
        layers = [{key: row} if row is not None else {} for row in (system, own)]
        return View(declared, *layers).find_setting(key)

    def value_type(self, key: str) -> SettingType:
        """The type in force for a key that is known."""
        declaration, stored = self.find_declaration(key), self._find_counting(key)
        if declaration is not None:
            return declaration.value_type
        assert stored is not None
        return stored.value_type

    def is_locked(self, key: str) -> bool:
        """Whether the tenant may not have a value of its own."""
        system = self._system.get(key)
        return system is not None and system.is_set and system.is_locked

    def version(self, key: str) -> int:
        """Counts the changes of both layers; removals too, so it never comes back for another value."""
        return sum(layer[key].version for layer in (self._system, self._tenant) if key in layer)

    def _value(self, key: str) -> Any:
        stored = self._find_counting(key)
        return stored.value if stored else self._declared[key].default

    def _source(self, stored: Stored | None) -> SettingSource:
        if stored is None:
            return SettingSource.DEFAULT
        return SettingSource.TENANT if stored is self._tenant.get(stored.key) else SettingSource.SYSTEM

    def _find_counting(self, key: str) -> Stored | None:
        """The stored value that is in force."""
        tenant = None if self.is_locked(key) else self._tenant.get(key)
        return next((row for row in (tenant, self._system.get(key)) if row is not None and self._counts(row)), None)

    def _counts(self, stored: Stored) -> bool:
        declaration = self.find_declaration(stored.key)
        if not stored.is_set or declaration is None:
            return stored.is_set
        if stored.value_type is not declaration.value_type:
            return False
        return stored.secret is not None or find_fault(stored.value_type, stored.value, declaration) is None
