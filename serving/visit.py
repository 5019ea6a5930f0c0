"""One request's way through the service."""

from __future__ import annotations

from dataclasses import replace

from fastapi import Request

from common.audit import ANONYMOUS, PLATFORM, Actor, Origin
from common.ids import TenantName
from common.registry import Effective
from database import ReadUnit, ReplicaUnit, SystemUnit, Tenant, WriteUnit
from serving.services import Services
from shared_auth import (
    Principal,
)


class Visit:
    """One request's way through the service: what its guard found out, and the units it may open."""

    def __init__(self, services: Services, origin: Origin) -> None:
        self.services = services
        self.origin = origin
        self.name: TenantName | None = None
        self.tenant: Tenant | None = None
        self.settings: Effective = {}  # of that tenant
        self.principal: Principal | None = None
        self.operator: Actor = PLATFORM  # which of the platform's keys was shown
        self.unit: ReadUnit | None = None
        self.headers: dict[str, str] = {}  # sent with the answer, whatever it is

    def read(self) -> ReadUnit:
        """A read-only unit of the visited tenant."""
        assert self.tenant is not None
        return self.services.database.read(self.tenant)

    def read_replica(self) -> ReplicaUnit:
        """A read-only unit of the visited tenant, on the replica if that has all of its commits."""
        assert self.tenant is not None
        return self.services.database.read_replica(self.tenant)

    def write(self) -> WriteUnit:
        """A unit of the visited tenant that may change things, on behalf of the visitor."""
        assert self.tenant is not None
        if self.principal is None:
            return self.services.database.write(self.tenant, actor=ANONYMOUS, origin=self.origin)
        origin = replace(self.origin, session_id=self.principal.session_id)
        return self.services.database.write(self.tenant, actor=self.principal.actor, origin=origin)

    def system(self, *, read_only: bool = True) -> SystemUnit:
        """A unit of the system schema. What it changes, it changes on behalf of the platform's operator."""
        return self.services.database.system(read_only=read_only, actor=self.operator, origin=self.origin)

    def system_bookkeeping(self) -> SystemUnit:
        """A unit of the system schema for what nobody has decided."""
        return self.services.database.system_bookkeeping()


def visit_of(request: Request) -> Visit:
    """The visit that the route began."""
    visit: Visit = request.scope["state"]["visit"]
    return visit
