"""People for the levels of permissions: who reaches whose records."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from common.config import Config
from tests.support import things
from tests.support.probes import owner_connection
from tests.support.world import Person, TestTenant, sign_in


@dataclass(frozen=True, slots=True)
class Staff:
    """Of one tenant. ``author``, ``colleague`` and ``manager`` are in one team, ``outsider`` is in another."""

    author: Person  # a member: own records
    colleague: Person  # another
    manager: Person  # the records of the team
    outsider: Person  # a member
    reader: Person  # reads all records of all kinds, changes and deletes its own
    nobody: Person  # without any permission
    team_id: str
    other_team_id: str


READER = """
    INSERT INTO role_permissions (role_id, permission, level)
    SELECT $1, name, CASE WHEN name LIKE '%:read' THEN 'all' ELSE 'own' END FROM permissions
    WHERE module = 'tools' AND name !~ ':moderate$'"""


async def hire(http: httpx.AsyncClient, config: Config, tenant: TestTenant) -> Staff:
    """Six people whom no test may change."""
    async with owner_connection(config, tenant.name) as owner:
        author, colleague, outsider = [await things.insert_person(http, owner, tenant, "member") for _ in range(3)]
        manager = await things.insert_person(http, owner, tenant, "manager")
        role = await things.insert_role(owner)
        await owner.execute(READER, role)
        name = await things.insert_login(owner, "nobody")
        await owner.execute(
            "INSERT INTO user_roles (user_id, role_id) SELECT id, $2 FROM users WHERE username = $1", name, role
        )
        nobody = await things.insert_person(http, owner, tenant, "nobody")  # there is no such role, so it holds none
        team = await things.insert_team(owner, author.id, colleague.id, manager.id, title=tenant.canary)
        other = await things.insert_team(owner, outsider.id, title=tenant.canary)
    reader = await sign_in(http, tenant, name)
    return Staff(author, colleague, manager, outsider, reader, nobody, team, other)
