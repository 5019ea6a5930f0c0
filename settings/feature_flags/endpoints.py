"""``/settings/feature-flags``. Fixed paths come before ``/{flag_key}``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from common.enums import FlagState
from dependencies import Listing, Read, Replying, Requires, RequiresVisiting, Route, Write
from serving.visit import Visit
from settings.feature_flags import definition, service
from settings.feature_flags.checks import KEY_PATTERN
from settings.feature_flags.evaluation import find_flag_set
from settings.feature_flags.explain import explain
from settings.feature_flags.schemas import (
    ExplainRequest,
    FeatureFlag,
    FlagCreate,
    FlagDefinition,
    FlagExplanation,
    FlagPatch,
    FlagReplace,
    StoredDefinition,
)
from shared_auth import Principal
from shared_models import Page

router = APIRouter(prefix="/settings/feature-flags", tags=["feature flags"], route_class=Route)

FlagsReader = Annotated[Principal, Depends(Requires("flags:read"))]
FlagsCreator = Annotated[Principal, Depends(Requires("flags:create"))]
FlagsEditor = Annotated[Principal, Depends(Requires("flags:update"))]
FlagsDeleter = Annotated[Principal, Depends(Requires("flags:delete"))]
Evaluator = Annotated[Visit, Depends(RequiresVisiting("flags:evaluate"))]
Key = Annotated[str, Path(pattern=KEY_PATTERN, examples=["new-checkout"])]
StaleDays = Annotated[
    int | None, Query(ge=1, le=3650, description="Only those that nobody has asked for in so many days.")
]
State = Annotated[FlagState | None, Query(description="Only those in this state.")]


@router.get("", summary="List feature flags")
async def list_feature_flags(
    unit: Read,
    _actor: FlagsReader,
    listing: Listing,
    reply: Replying,
    state: State = None,
    stale_days: StaleDays = None,
) -> Page[FeatureFlag]:
    """Newest first. `q` searches keys and descriptions. Sort by `created_at`, `updated_at` or `key`."""
    return reply.page(await service.list_flags(unit, listing, state=state, stale_days=stale_days))


@router.post("", status_code=201, summary="Create a feature flag")
async def create_feature_flag(unit: Write, actor: FlagsCreator, payload: FlagCreate, reply: Replying) -> FeatureFlag:
    """Whatever is wrong with variants or targeting is named, each fault with its pointer. A taken key is 409
    `flag_exists`."""
    flag = await service.create_flag(unit, actor, payload)
    return reply.created(flag, name=flag.key)


@router.get("/definition", summary="Get all feature flags as a flagd document")
async def get_flag_definition(unit: Read, _actor: FlagsReader, reply: Replying) -> StoredDefinition:
    """A document that flagd and its providers read as it is. Its ETag is the version of the whole set."""
    return reply.tag(await definition.get_definition(unit))


@router.put("/definition", summary="Replace all feature flags by a flagd document")
async def replace_flag_definition(
    unit: Write, actor: FlagsEditor, payload: FlagDefinition, reply: Replying
) -> StoredDefinition:
    """Flags that the document lacks are deleted. With any fault nothing is stored, and `errors` has each of them with
    its pointer. Descriptions and scheduled switches of flags that stay are kept."""
    return reply.tag(await definition.replace_definition(unit, actor, payload, reply.expected_version))


@router.post("/explain", summary="Explain what a feature flag is for a context")
async def explain_feature_flag(visit: Evaluator, payload: ExplainRequest) -> FlagExplanation:
    """The variant, the part of the rule that named it, and what the parts before came to."""
    assert visit.tenant is not None
    return explain(await find_flag_set(visit.services, visit.tenant), payload)


@router.get("/{flag_key}", summary="Get a feature flag")
async def get_feature_flag(unit: Read, _actor: FlagsReader, flag_key: Key, reply: Replying) -> FeatureFlag:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_flag(unit, flag_key))


@router.put("/{flag_key}", summary="Replace a feature flag's fields")
async def replace_feature_flag(
    unit: Write, actor: FlagsEditor, flag_key: Key, payload: FlagReplace, reply: Replying
) -> FeatureFlag:
    """Acts within a second on every process, and on clients that listen."""
    return reply.tag(await service.replace_flag(unit, actor, flag_key, payload, reply.expected_version))


@router.patch("/{flag_key}", summary="Change some of a feature flag's fields")
async def update_feature_flag(
    unit: Write, actor: FlagsEditor, flag_key: Key, payload: FlagPatch, reply: Replying
) -> FeatureFlag:
    """Sets the fields given and leaves the others; `switch_at` null takes a scheduled switch back."""
    return reply.tag(await service.update_flag(unit, actor, flag_key, payload, reply.expected_version))


@router.delete("/{flag_key}", status_code=204, summary="Delete a feature flag")
async def delete_feature_flag(unit: Write, _actor: FlagsDeleter, flag_key: Key, reply: Replying) -> None:
    """Who asks for it from now on gets the default of the code that asks."""
    await service.delete_flag(unit, flag_key, reply.expected_version)


@router.post("/{flag_key}/toggle", summary="Turn a feature flag on or off")
async def toggle_feature_flag(unit: Write, actor: FlagsEditor, flag_key: Key, reply: Replying) -> FeatureFlag:
    """From `ENABLED` to `DISABLED` or back."""
    return reply.tag(await service.toggle_flag(unit, actor, flag_key, reply.expected_version))
