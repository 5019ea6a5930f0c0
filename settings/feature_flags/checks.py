"""What a flag, and a whole set of flags, must be before it is stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from common.enums import FlagState
from settings.feature_flags.faults import Faults, Path, check_json, size_of
from settings.feature_flags.rules import RuleCheck

MAX_FLAGS: Final = 1_000
MAX_FLAG_BYTES: Final = 65_536  # of variants, targeting and metadata, as JSON
MAX_SET_BYTES: Final = 4 * 1024**2  # all flags and shared rules: every process keeps them, and so does Redis
MAX_EVALUATORS: Final = 200
MAX_VARIANTS: Final = 100
MAX_NAME: Final = 128
MAX_DESCRIPTION: Final = 2_000
KEY_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"
RESERVED: Final = frozenset({"definition", "explain"})  # addresses beside the flags'

_KEY: Final = re.compile(KEY_PATTERN.removesuffix("$"))
_KINDS: Final[tuple[tuple[str, type | tuple[type, ...]], ...]] = (
    ("boolean", bool),
    ("string", str),
    ("number", (int, float)),
    ("object", (dict, list)),
)


@dataclass(frozen=True, slots=True)
class Names:
    """How the fields are called where they come from: the API's way or flagd's."""

    default_variant: str


API_NAMES: Final = Names(default_variant="default_variant")
FLAGD_NAMES: Final = Names(default_variant="defaultVariant")


def is_key(key: str) -> bool:
    """Whether a flag can have this key."""
    return _KEY.fullmatch(key) is not None and key not in RESERVED


def check_key(key: str, path: Path, faults: Faults) -> None:
    """A new flag's key."""
    if key in RESERVED:
        faults.add(path, "key_reserved", f"{key!r} is an address of its own and cannot be a flag's key.")
    elif _KEY.fullmatch(key) is None:
        faults.add(path, "key_form", "A key has up to 128 letters, digits, dots, dashes and underscores.")


def check_flag(flag: Mapping[str, Any], path: Path, faults: Faults, rules: RuleCheck, names: Names = API_NAMES) -> None:
    """A whole flag, in the names of its columns."""
    before = faults.count
    for name in ("variants", "targeting", "metadata"):
        check_json(flag[name], (*path, name), faults)
    if faults.count > before:
        return
    content = {name: flag[name] for name in ("variants", "targeting", "metadata")}
    if size_of(content) > MAX_FLAG_BYTES:
        faults.add(path, "flag_too_large", f"Variants, targeting and metadata have more than {MAX_FLAG_BYTES} bytes.")
        return
    variants = check_variants(flag["variants"], (*path, "variants"), faults)
    if flag["default_variant"] is not None and flag["default_variant"] not in variants:
        place = (*path, names.default_variant)
        faults.add(place, "variant_unknown", "The default variant must be one of the variants, or null.")
    check_metadata(flag["metadata"], (*path, "metadata"), faults)
    if flag["targeting"]:
        rules.check(flag["targeting"], (*path, "targeting"), variants)
    elif flag["targeting"] is not None and not isinstance(flag["targeting"], dict):
        faults.add((*path, "targeting"), "rule_form", "The targeting must be an object.")


def check_variants(variants: Any, path: Path, faults: Faults) -> Mapping[str, Any]:
    """At least one, all of one type; those that can be named."""
    if not isinstance(variants, dict) or not 1 <= len(variants) <= MAX_VARIANTS:
        faults.add(path, "variants_wrong", f"The variants must be an object of 1 to {MAX_VARIANTS} values.")
        return variants if isinstance(variants, dict) else {}
    kinds = {name: kind_of(value) for name, value in variants.items()}
    first = next(iter(kinds.values()))
    for name, kind in kinds.items():
        if not 1 <= len(name) <= MAX_NAME:
            faults.add((*path, name), "variants_wrong", f"A variant's name has 1 to {MAX_NAME} characters.")
        if kind is None:
            faults.add((*path, name), "variants_wrong", "A variant cannot be null.")
        elif kind != first and first is not None:
            message = f"All variants must be of one type; this is {kind}, and the first is {first}."
            faults.add((*path, name), "variants_mixed", message)
    return variants


def kind_of(value: Any) -> str | None:
    """A variant's type, as clients ask for it; None for null."""
    return next((name for name, kind in _KINDS if isinstance(value, kind)), None)


def check_metadata(metadata: Any, path: Path, faults: Faults) -> None:
    """Names with plain values, as OpenFeature has them."""
    if not isinstance(metadata, dict):
        faults.add(path, "metadata_wrong", "The metadata must be an object.")
        return
    for name, value in metadata.items():
        if not 1 <= len(name) <= MAX_NAME or not isinstance(value, bool | str | int | float):
            message = f"Metadata are texts, numbers and booleans, under names of 1 to {MAX_NAME} characters."
            faults.add((*path, name), "metadata_wrong", message)


def check_state(state: Any, path: Path, faults: Faults) -> None:
    """Whether a flag is evaluated at all."""
    if state not in list(FlagState):
        faults.add(path, "state_wrong", f"The state is one of {', '.join(FlagState)}.")
