"""Where a command finds and changes settings: in one tenant, or above all of them."""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

import settings
import users
from common.enums import SettingType
from common.errors import NotFound
from manage.intervention import collect
from manage.problems import CommandError
from serving.visit import Visit
from shared_models import Shape, Timestamp

ALL: Final = 100_000  # more than there can be
UNKNOWN: Final = "There is no such setting."


class ShownSetting(Shape):
    """A setting as a command shows it."""

    key: str
    value: Any
    value_type: SettingType
    source: settings.operators.SettingSource
    locked: bool
    is_public: bool
    description: str
    version: int
    updated_at: Timestamp | None


class Place(Protocol):
    """One of the two."""

    async def list(self, visit: Visit, q: str | None) -> list[ShownSetting]:
        """Every setting there."""

    async def get(self, visit: Visit, key: str) -> ShownSetting:
        """One of them. Raises NotFound."""

    async def set(self, visit: Visit, key: str, text: str, given: dict[str, Any]) -> ShownSetting:
        """Set a value, written as text, and what else is given; what is not given stays."""

    async def unset(self, visit: Visit, key: str) -> None:
        """Take the value away. Raises NotFound."""


class InTenant:
    """One tenant, with what counts for it."""

    def __init__(self, tenant_id: str) -> None:
        self._tenant_id = tenant_id

    async def list(self, visit: Visit, q: str | None) -> list[ShownSetting]:
        """What is in force for every key."""
        inside = await users.operators.intervene(visit, self._tenant_id)
        shown = [_of_tenant(setting) for setting in settings.operators.view_of(inside).settings]
        return [item for item in shown if q is None or q.lower() in f"{item.key}\n{item.description}".lower()]

    async def get(self, visit: Visit, key: str) -> ShownSetting:
        """What is in force for a key."""
        inside = await users.operators.intervene(visit, self._tenant_id)
        found = settings.operators.view_of(inside).find_setting(key)
        if found is None:
            raise NotFound(UNKNOWN)
        return _of_tenant(found)

    async def set(self, visit: Visit, key: str, text: str, given: dict[str, Any]) -> ShownSetting:
        """A value of the tenant's own."""
        inside = await users.operators.intervene(visit, self._tenant_id)
        known = settings.operators.view_of(inside).find_setting(key)
        value = read_value(text, given.get("value_type") or (known.value_type if known else SettingType.STRING))
        async with inside.write() as unit:
            if known is not None:
                patch = settings.operators.SettingPatch(value=value, **given)
                return _of_tenant(await settings.operators.update_setting(unit, inside, key, patch, None))
            given = {"value_type": SettingType.STRING, **given}
            created = settings.operators.SettingCreate(key=key, value=value, **given)
            return _of_tenant(await settings.operators.create_setting(unit, inside, created))

    async def unset(self, visit: Visit, key: str) -> None:
        """What stands above counts again."""
        inside = await users.operators.intervene(visit, self._tenant_id)
        async with inside.write() as unit:
            await settings.operators.delete_setting(unit, inside, key, None)


class InSystem:
    """What the platform has set for all tenants."""

    async def list(self, visit: Visit, q: str | None) -> list[ShownSetting]:
        """What has a value."""
        found, _ = await collect(
            visit.services, lambda query: settings.operators.list_system_settings(visit, query), limit=ALL, q=q
        )
        return [_of_system(item) for item in found]

    async def get(self, visit: Visit, key: str) -> ShownSetting:
        """One value."""
        return _of_system(await settings.operators.get_system_setting(visit, key))

    async def set(self, visit: Visit, key: str, text: str, given: dict[str, Any]) -> ShownSetting:
        """A value for every tenant that has none of its own."""
        known, declared = await self._find(visit, key), visit.services.registry.get(key)
        of_key = known.value_type if known else declared.value_type if declared else SettingType.STRING
        value = read_value(text, given.get("value_type") or of_key)
        return await self._put(visit, key, known, {"value": value, "value_type": of_key, **given})

    async def unset(self, visit: Visit, key: str) -> None:
        """The lock goes with the value."""
        await settings.operators.delete_system_setting(visit, key, None)

    async def lock(self, visit: Visit, key: str, *, is_locked: bool) -> ShownSetting:
        """Whether tenants may have values of their own. Locking a key without a value locks the declared default."""
        known, declared = await self._find(visit, key), visit.services.registry.get(key)
        if known is None and (declared is None or not is_locked):
            raise NotFound("The platform has set no value for this key.")
        default = declared.default_in(visit.services.config) if declared else None
        changes = {"value": known.value if known else default, "is_locked": is_locked}
        return await self._put(visit, key, known, changes)

    async def _find(self, visit: Visit, key: str) -> settings.operators.SystemSetting | None:
        try:
            return await settings.operators.get_system_setting(visit, key)
        except NotFound:
            return None

    async def _put(
        self, visit: Visit, key: str, known: settings.operators.SystemSetting | None, changes: dict[str, Any]
    ) -> ShownSetting:
        kept = known.model_dump(include={"value_type", "description", "is_public", "is_locked"}) if known else {}
        payload = settings.operators.SystemSettingReplace(**{**kept, **changes})
        # What was kept must not have changed meanwhile.
        expected = known.version if known else None
        return _of_system(await settings.operators.put_system_setting(visit, key, payload, expected))


def read_value(text: str, value_type: SettingType) -> Any:
    """A value as the command line has it: text as it is, everything else as JSON. Raises CommandError."""
    if value_type in {SettingType.STRING, SettingType.SECRET}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise CommandError(f"A value of the type {value_type} is written as JSON, and this is none.") from None


def text_of(value: object) -> str:
    """A value as one line: the other way round."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _of_tenant(setting: settings.operators.Setting) -> ShownSetting:
    return ShownSetting.model_validate(setting)


def _of_system(setting: settings.operators.SystemSetting) -> ShownSetting:
    return ShownSetting(
        source=settings.operators.SettingSource.SYSTEM,
        locked=setting.is_locked,
        **setting.model_dump(exclude={"is_locked"}),
    )
