"""What can be learned about roles and permissions."""

from __future__ import annotations

from common.paging import ListQuery
from database import ReadUnit
from shared_models import Page
from users.roles import queries
from users.roles.schemas import Permission, Role


async def list_roles(unit: ReadUnit, query: ListQuery) -> Page[Role]:
    """A page of roles, highest rank first."""
    found = await queries.list_roles(unit, query)
    roles = [Role.model_validate(row) for row in found.rows]
    return Page(items=roles, next_cursor=found.next_cursor, total=found.total)


async def list_permissions(unit: ReadUnit, query: ListQuery) -> Page[Permission]:
    """A page of the catalogue, by name."""
    found = await queries.list_permissions(unit, query)
    permissions = [Permission.model_validate(row) for row in found.rows]
    return Page(items=permissions, next_cursor=found.next_cursor, total=found.total)
