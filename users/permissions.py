"""What may be permitted in the users module, and permissions as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from common.errors import UnknownReference
from shared_auth import LEVEL_ORDER, Level, Permission, crud

PERMISSIONS: Final = (
    *crud("users", "users", "user accounts"),
    *crud("users", "roles", "roles"),
    *crud("users", "teams", "teams"),
    *crud("users", "api_keys", "API keys"),
    *crud("users", "invitations", "invitations"),
    Permission("sessions:read", "users", "See the sessions of others"),
    Permission("sessions:delete", "users", "End the sessions of others"),
    Permission("tokens:introspect", "users", "Ask whether a token or key is valid (RFC 7662)"),
    Permission("tenant:own", "users", "Own the tenant: name and remove other owners"),
)

OWNERSHIP: Final = "tenant:own"
SUFFIXES: Final[Mapping[str, Level]] = {"own": "own", "team": "team"}


def permission_text(name: str, level: Level) -> str:
    """A grant as clients read and write it: ``tasks:read:own``; the level *all* needs no suffix."""
    return name if level == "all" else f"{name}:{level}"


def split_permission(text: str) -> tuple[str, Level]:
    """Name and level of a text that ``permission_text`` wrote. A name has one colon: ``tenant:own`` has no level."""
    name, _, suffix = text.rpartition(":") if text.count(":") > 1 else (text, "", "")
    return name, SUFFIXES.get(suffix, "all")


def get_permission(name: str, catalogue: Mapping[str, Permission], *, pointer: str) -> Permission:
    """An entry of the catalogue. Raises UnknownReference."""
    if name not in catalogue:
        raise UnknownReference(f"There is no permission {name[:64]!r}.", pointer=pointer)
    return catalogue[name]


def read_permission(text: str, catalogue: Mapping[str, Permission], *, pointer: str) -> tuple[str, Level]:
    """The name and level of such a text. Raises UnknownReference, pointing at it."""
    if text in catalogue:  # first: tenant:own is a permission, not a level of one
        return text, "all"
    name, _, suffix = text.rpartition(":")
    if name not in catalogue or suffix not in SUFFIXES:
        raise UnknownReference(f"There is no permission {text[:64]!r}.", pointer=pointer)
    if not catalogue[name].levelled:
        raise UnknownReference(f"{name} has no levels: it is held or not.", pointer=pointer)
    return name, SUFFIXES[suffix]


def read_permissions(texts: Sequence[str], catalogue: Mapping[str, Permission], *, pointer: str) -> dict[str, Level]:
    """The grants that a list of texts comes to: of a permission named twice, the higher level."""
    grants: dict[str, Level] = {}
    for number, text in enumerate(texts):
        name, level = read_permission(text, catalogue, pointer=f"{pointer}/{number}")
        if LEVEL_ORDER[level] > LEVEL_ORDER.get(grants.get(name, ""), 0):
            grants[name] = level
    return grants
