"""What a tenant must have and answer, kept in a few dictionaries: the machine compares the service with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.world import PASSWORD

RECORDS: Final = ("notes", "tasks")
NAMED: Final = ("users", "roles", "teams")  # of each name there is one; they are for the owner and administrators
KINDS: Final = RECORDS + NAMED
PATHS: Final = {"notes": "/tools/notes", "tasks": "/tools/tasks", "users": "/users"} | {
    kind: f"/users/{kind}" for kind in ("roles", "teams")
}
NAMES: Final = {"notes": "title", "tasks": "title", "users": "username", "roles": "name", "teams": "name"}
ROLES: Final = ("owner", "admin", "member", "viewer")
CHIEFS: Final = frozenset({"owner", "admin"})


@dataclass
class Thing:
    """One row, by whom it was made, and its version as clients see it."""

    kind: str
    id: str
    name: str
    author: str
    private: bool = False
    version: int = 1
    deleted: bool = False


@dataclass(frozen=True)
class Kept:
    """The answer that an Idempotency-Key has: to which body, and about which thing."""

    body: str
    id: str


@dataclass
class Model:
    """One tenant. ``entries`` counts what its audit log must have beyond what it began with."""

    things: dict[str, Thing] = field(default_factory=dict)
    kept: dict[tuple[str, str, str], Kept] = field(default_factory=dict)
    entries: int = 0

    def of(self, *kinds: str) -> list[Thing]:
        """Everything of these kinds, oldest first."""
        return [thing for thing in self.things.values() if thing.kind in kinds]

    def is_taken(self, kind: str, name: str, *, but: str | None = None) -> bool:
        """Whether somebody else has the name. A deleted user's is free again."""
        same = (one for one in self.of(kind) if one.name == name and not one.deleted and one.id != but)
        return kind in NAMED and any(same)

    def remove(self, thing: Thing) -> None:
        """Roles and teams are gone for good; the others can be brought back."""
        if thing.kind in {"roles", "teams"}:
            del self.things[thing.id]
        else:
            thing.deleted = True

    def shown_to(self, role: str, kind: str) -> Iterator[Thing]:
        """What a list has for somebody."""
        return (thing for thing in self.of(kind) if not thing.deleted and reads(role, thing))


def reads(role: str, thing: Thing) -> bool:
    """Whether a thing of his tenant exists for somebody. A private note is its author's alone."""
    if thing.private:
        return role == thing.author
    return role != "member" or thing.author == role or thing.kind == "teams"


def may_write(role: str, kind: str) -> bool:
    """Whether somebody has the permission at all, at any level."""
    return role in CHIEFS or (role == "member" and kind in RECORDS)


def body_of(kind: str, name: str, *, private: bool = False) -> dict[str, Any]:
    """What makes one."""
    more: dict[str, dict[str, Any]] = {
        "notes": {"is_private": private},
        "users": {"email": f"{name}@model.example", "password": PASSWORD},
        "roles": {"permissions": ["notes:read:own"]},
    }
    return {NAMES[kind]: name, **more.get(kind, {})}
