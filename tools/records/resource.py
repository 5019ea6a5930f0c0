"""What a tool hands to the list of tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from common.errors import ServiceError
from common.outbox.queries import Job
from database import Tenant, WriteUnit
from serving.loading import Loader
from serving.services import Services
from tools.records.kinds import Kind

JobHandler = Callable[[Services, Job], Awaitable[None]]
Housekeeper = Callable[[Services, Tenant, datetime], Awaitable[None]]
"""Does for one tenant what is due at a moment; called every hour, by every process."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A tool: its routes, its kind of record if it has one, the jobs it orders, what its constraints mean, what is done
    for it once in a while, what of it ends with a user's access, and how another system's records are loaded."""

    router: Any  # FastAPI's; only endpoints know that name
    kind: Kind | None = None
    job_handlers: Mapping[str, JobHandler] = field(default_factory=dict)
    constraints: Mapping[str, type[ServiceError]] = field(default_factory=dict)
    housekeeper: Housekeeper | None = None
    end_access: Callable[[WriteUnit, UUID], Awaitable[None]] | None = None
    loader: Loader | None = None
