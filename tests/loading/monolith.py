"""What another system has: a small office, as files and as the tables of a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

BEGAN: Final = "2019-05-06T07:08:09Z"
CHANGED: Final = "2021-02-03T04:05:06Z"
DJANGO: Final = (  # of PASSWORD
    "pbkdf2_sha256$1000$c2FsdHk$2p1hAeWDxjP0y3PqBuT4ZF3nyNEdCDTBP9Zjd3Rl3Y8="
)
STAMPS: Final = {"created_at": BEGAN, "updated_at": CHANGED}

OFFICE: Final[Mapping[str, list[dict[str, Any]]]] = {
    "settings": [{"key": "branding.color", "value": "#123456", "value_type": "string"}],
    "roles": [{"id": 7, "name": "planner", "permissions": ["tasks:read", "tasks:create"], **STAMPS}],
    "teams": [
        {"id": "t2", "name": "Night desk", "parent_id": "t1", **STAMPS},
        {"id": "t1", "name": "Desk", "roles": ["planner"], **STAMPS},
    ],
    "users": [
        {"id": 1, "email": "ann@old.example", "username": "ann", "roles": ["member"], "teams": ["Desk"], **STAMPS},
        {"id": 2, "email": "bob@old.example", "username": "bob", "is_active": False, "full_name": "Bob", **STAMPS},
    ],
    "notes": [
        {"id": 10, "title": "Keys", "content": "In the drawer.", "created_by": 1, "tags": ["desk"], **STAMPS},
        {"id": 11, "title": "Mine", "content": "Secret.", "is_private": True, "created_by": 1, **STAMPS},
    ],
    "tasks": [
        {"id": 21, "title": "Below", "parent_id": 20, "assignee_id": 2, "created_by": 1, **STAMPS},
        {"id": 20, "title": "Above", "status": "done", "completed_at": "2020-01-01T00:00:00Z", "team_id": "t1"},
    ],
    "calls": [
        {"id": "c1", "direction": "inbound", "status": "completed", "started_at": BEGAN, "created_by": 2, **STAMPS}
    ],
    "events": [
        {
            "id": "e1",
            "title": "Fair",
            "starts_at": "2031-05-01T09:00:00Z",
            "ends_at": "2031-05-01T10:00:00Z",
            "created_by": 1,
            "attendees": [{"user_id": 2, "response": "accepted"}, {"email": "guest@out.example"}],
            **STAMPS,
        }
    ],
    "attachments": [
        {"id": 30, "file_name": "keys.txt", "content": "a/keys.txt", "parent_type": "note", "parent_id": 10, **STAMPS},
        {"id": 31, "file_name": "s.txt", "content": "s.txt", "parent_type": "note", "parent_id": 11, "created_by": 1},
    ],
}


def write_folder(path: Path) -> Path:
    """The office as files."""
    for kind, lines in OFFICE.items():
        write_lines(path / f"{kind}.ndjson", lines)
    (path / "attachments" / "a").mkdir(parents=True)
    (path / "attachments" / "a" / "keys.txt").write_text("Three keys.")
    (path / "attachments" / "s.txt").write_text("Shh.")
    return path


def write_lines(file: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Lines of one kind."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
