"""The service without its HTTP side, for commands: ``act`` opens it, runs one piece of work on it, and closes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from uuid import uuid4

from prometheus_client import CollectorRegistry

import users
from common.audit import Actor, Origin
from common.config import Config
from common.errors import DatabaseUnavailable, TenantOutdated
from common.paging import MAX_LIMIT, ListQuery
from common.postgresql.errors import DATABASE_ERRORS, translate
from main import build_services
from manage.problems import CommandError
from manage.psql import configuration
from serving.services import Services
from serving.visit import Visit
from shared_models import Page

Result = TypeVar("Result")
Item = TypeVar("Item")

OPERATOR: Final = Actor("platform", name="command line")
OUTDATED: Final = "The tenant's tables are not those of this version: run `python -m manage migrate` first."


def act(work: Callable[[Visit], Awaitable[Result]]) -> Result:
    """What the operator does to the platform. Expected trouble is raised as one of ``manage.problems.EXPECTED``."""
    return asyncio.run(_act(work))


def act_in(tenant: str, work: Callable[[users.operators.Intervention], Awaitable[Result]]) -> Result:
    """What the operator does inside one tenant, which may be suspended."""

    async def enter_and_work(visit: Visit) -> Result:
        return await work(await users.operators.intervene(visit, tenant))

    return act(enter_and_work)


async def collect(
    services: Services, fetch: Callable[[ListQuery], Awaitable[Page[Item]]], *, limit: int, q: str | None = None
) -> tuple[list[Item], bool]:
    """Up to ``limit`` items of a list, page by page, and whether there are more."""
    items: list[Item] = []
    cursor = None
    while True:
        page = await fetch(
            ListQuery(
                limit=min(limit - len(items), MAX_LIMIT),
                cursor=cursor,
                sort=None,
                include_total=False,
                q=q,
                created_after=None,
                created_before=None,
                binding="",  # the cursors leave this process for nowhere
                cursors=services.cursors,
            )
        )
        items += page.items
        cursor = page.next_cursor
        if cursor is None or len(items) >= limit:
            return items, cursor is not None


@asynccontextmanager
async def serving(config: Config) -> AsyncIterator[Services]:
    """The service without its HTTP side, closed afterwards."""
    services = build_services(_for_one_command(config), CollectorRegistry())
    try:
        yield services
    finally:
        await services.caches.redis.close()
        await services.database.close()
        services.passwords.close()


async def _act(work: Callable[[Visit], Awaitable[Result]]) -> Result:
    async with serving(configuration()) as services:
        try:
            visit = Visit(services, Origin(f"manage-{uuid4()}"))
            visit.operator = OPERATOR
            return await work(visit)
        except TenantOutdated as error:
            raise CommandError(OUTDATED) from error
        except DatabaseUnavailable as error:
            raise _unavailable(error.__cause__ or error) from error
        except DATABASE_ERRORS as error:
            meaning = translate(error, services.constraints)
            if meaning is None:
                raise
            raise (_unavailable(error) if isinstance(meaning, DatabaseUnavailable) else meaning) from error


def _for_one_command(config: Config) -> Config:
    """Without what only a running service needs: the private key, which may not be readable here: a command signs no
    token. Redis hears what readers of a replica must see; its copies the services forget when they hear of a change."""
    changes = {"jwt_algorithm": "HS256", "database_pool_size": 1}
    return config.model_copy(update=changes)


def _unavailable(cause: BaseException) -> CommandError:
    reason = str(getattr(cause, "orig", None) or cause).partition("\n")[0] or type(cause).__name__
    return CommandError(
        f"The database cannot be used: {reason.rstrip('.')}. Is it the right DATABASE_URL? "
        "A new database is prepared by `python -m manage migrate`."
    )
