"""The shapes of feature flags: one flag, the whole set in flagd's form, and why a flag is what it is."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from common.enums import FlagState
from common.times import GivenTime
from settings.feature_flags.checks import KEY_PATTERN, MAX_DESCRIPTION, MAX_NAME
from shared_models import Payload, PlainText, Shape, Timestamp

_NOT_GIVEN: Any = None  # never read: only the fields that were given are

FLAGD_SCHEMA: Final = "https://flagd.dev/schema/v0/flags.json"

FlagKey = Annotated[str, StringConstraints(pattern=KEY_PATTERN), Field(examples=["new-checkout"])]
Variants = Annotated[
    dict[str, Any],
    Field(
        examples=[{"on": True, "off": False}],
        description="What the flag can be, by name: all booleans, all texts, all numbers, or all objects.",
    ),
]
DefaultVariant = Annotated[
    Annotated[PlainText, StringConstraints(max_length=MAX_NAME)] | None,
    Field(examples=["off"], description="Where targeting names none. Null: the code that asks has its own default."),
]
Targeting = Annotated[
    dict[str, Any] | None,
    Field(
        examples=[{"if": [{"ends_with": [{"var": "email"}, "@acme.example"]}, "on", None]}],
        description="A JsonLogic rule that names a variant, with flagd's `fractional`, `sem_ver`, `starts_with`, "
        "`ends_with` and `$ref`. It sees the context, and what the server adds: `tenant.id`, `$flagd.flagKey` and "
        "`$flagd.timestamp`.",
    ),
]
Metadata = Annotated[
    dict[str, Any], Field(examples=[{"team": "booking"}], description="Texts, numbers and booleans; clients see them.")
]
Description = Annotated[
    PlainText, StringConstraints(max_length=MAX_DESCRIPTION), Field(examples=["The checkout of next year"])
]
SwitchAt = Annotated[
    GivenTime | None, Field(description="When the flag takes the state `switch_to`, by itself. Null: not.")
]
SwitchTo = Annotated[FlagState | None, Field(description="The state it takes then.")]


class FlagReplace(Payload):
    """All editable fields. What is left out gets its default."""

    model_config = ConfigDict(str_strip_whitespace=False)  # the names of variants are what rules compare

    state: FlagState = FlagState.ENABLED
    variants: Variants
    default_variant: DefaultVariant = None
    targeting: Targeting = None
    metadata: Metadata = Field(default_factory=dict)
    description: Description = ""
    switch_at: SwitchAt = None
    switch_to: SwitchTo = None


class FlagCreate(FlagReplace):
    """A new flag."""

    key: FlagKey


class FlagPatch(Payload):
    """Only the fields to change. Variants, targeting and metadata are replaced, each as a whole."""

    model_config = ConfigDict(str_strip_whitespace=False)

    state: FlagState = _NOT_GIVEN
    variants: Variants = _NOT_GIVEN
    default_variant: DefaultVariant = None
    targeting: Targeting = None
    metadata: Metadata = _NOT_GIVEN
    description: Description = _NOT_GIVEN
    switch_at: SwitchAt = None
    switch_to: SwitchTo = None


class FeatureFlag(Shape):
    """A feature flag in flagd's shape."""

    id: UUID
    key: FlagKey
    state: FlagState
    variants: Variants
    default_variant: DefaultVariant
    targeting: Targeting
    metadata: Metadata
    description: Description
    switch_at: Timestamp | None
    switch_to: FlagState | None
    last_evaluated_at: Timestamp | None = Field(description="To the minute.")
    created_at: Timestamp
    updated_at: Timestamp
    updated_by: UUID | None = Field(description="Null: a scheduled switch, or somebody who is gone.")
    version: int = Field(examples=[1])


class FlagDefinition(Payload):
    """All flags as a flagd document (https://flagd.dev/schema/v0/flags.json)."""

    model_config = ConfigDict(str_strip_whitespace=False)

    schema_address: str = Field(default=FLAGD_SCHEMA, alias="$schema", max_length=200)
    flags: dict[str, Any] = Field(
        examples=[
            {"new-checkout": {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}}
        ]
    )
    evaluators: dict[str, Any] = Field(
        default_factory=dict, alias="$evaluators", description="Rules that others name with `$ref`."
    )
    metadata: Metadata = Field(default_factory=dict)


class StoredDefinition(FlagDefinition):
    """The same with the version of the whole, which is its ETag and not part of the document."""

    version: int = Field(exclude=True)


class ExplainRequest(Payload):
    """A flag and a context. ``targetingKey`` says who is asking."""

    model_config = ConfigDict(str_strip_whitespace=False)

    key: FlagKey
    context: dict[str, Any] = Field(
        default_factory=dict, examples=[{"targetingKey": "user-17", "email": "maria@acme.example"}]
    )


class Step(Shape):
    """A part of the rule that was evaluated. ``pointer`` begins at the flag, or with `/$evaluators` at the document."""

    pointer: str = Field(examples=["/targeting/if/0"])
    operator: str = Field(examples=["ends_with"])
    result: Any = Field(examples=[True], description="Null, too, when `omitted`.")
    omitted: bool = Field(description="The result is too large to be shown.")


class Decision(Shape):
    """The part of the rule that named the variant."""

    pointer: str = Field(examples=["/targeting/if/1"])
    rule: Any = Field(examples=["on"])
    result: Any = Field(examples=["on"])


class FlagExplanation(Shape):
    """Why a flag is what it is for a context."""

    key: FlagKey
    value: Any = Field(examples=[True])
    variant: str | None = Field(examples=["on"])
    reason: str = Field(examples=["TARGETING_MATCH"])
    metadata: Metadata
    error_code: str | None
    error_details: str | None
    set_version: int = Field(examples=[12], description="The version of the whole set that was asked.")
    rule: Decision | None = Field(description="Null when no rule was evaluated.")
    steps: list[Step] = Field(description="In the order of their evaluation, the first 200.")
    attributes: dict[str, Any] = Field(
        examples=[{"tenant": {"id": "acme"}}], description="What the server added to the context."
    )
