"""``/platform/settings``: values and locks for every tenant."""

from __future__ import annotations

from fastapi import APIRouter

from dependencies import OperatorVisit, PlainListing, Replying, Route
from settings.schemas import Key
from settings.system import service
from settings.system.schemas import SystemSetting, SystemSettingReplace
from shared_models import Page

router = APIRouter(prefix="/platform/settings", tags=["platform"], route_class=Route)


@router.get("", summary="List the system's settings")
async def list_system_settings(visit: OperatorVisit, listing: PlainListing, reply: Replying) -> Page[SystemSetting]:
    """The keys that have a value for every tenant. Sort by `key`; `q` searches keys and descriptions."""
    return reply.page(await service.list_settings(visit, listing))


@router.get("/{key}", summary="Get a setting of the system")
async def get_system_setting(visit: OperatorVisit, key: Key, reply: Replying) -> SystemSetting:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_setting(visit, key))


@router.put("/{key}", summary="Set a setting of the system")
async def put_system_setting(
    visit: OperatorVisit, key: Key, payload: SystemSettingReplace, reply: Replying
) -> SystemSetting:
    """Counts for every tenant without a value of its own, and with `is_locked` for all, within a second."""
    return reply.tag(await service.put_setting(visit, key, payload, reply.expected_version))


@router.delete("/{key}", status_code=204, summary="Delete a setting of the system")
async def delete_system_setting(visit: OperatorVisit, key: Key, reply: Replying) -> None:
    """Takes the value and its lock away; defaults and the tenants' own values count again."""
    await service.delete_setting(visit, key, reply.expected_version)
