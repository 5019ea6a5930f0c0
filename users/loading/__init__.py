"""Roles, teams and users of another system."""

from __future__ import annotations

from typing import Any, Final

from serving.loading import Loader, one_by_one
from users.loading.schemas import LoadedTeam, LoadedUser
from users.loading.service import load_role, load_team, load_users
from users.models import Role, Team, User
from users.roles.schemas import RoleCreate

_roles, _teams, _users = (model.__table__ for model in (Role, Team, User))

LOADERS: Final[tuple[Loader, ...]] = (
    Loader("roles", _roles, RoleCreate, one_by_one(load_role), has_author=False),
    Loader("teams", _teams, LoadedTeam, one_by_one(load_team), references={"parent_id": "teams"}, has_author=False),
    Loader("users", _users, LoadedUser, load_users, has_author=False),
)

__all__: list[Any] = ["LOADERS"]
