"""The commands that work on a database through the whole service, and what each is for.

They are loaded when one of them is asked for, and not otherwise: ``manage/__main__.py`` hands them to
``manage.operations``, everything else to ``manage.app``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NOUNS: Final[Mapping[str, str]] = {
    "tenants": "List, create, suspend, delete, export, import and clone tenants.",
    "users": "Look after the users of a tenant: unlock, deactivate, reset a password, grant a role.",
    "sessions": "See where a user is logged in, and end it.",
    "settings": "Show, set, lock, export and import settings; encrypt their secrets with a new key.",
    "jobs": "List, retry and drop the jobs that wait or were given up.",
    "audit": "Prove audit logs, where they lie and as exported files.",
    "load": "Load another system's users, records and files into a tenant.",
    "keys": "Show and rotate the keys that sign access tokens.",
}
