"""What endpoints may ask for, as they write it in their signatures. How it is found is ``serving``'s business."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from common.http.replies import Reply
from common.paging import ListQuery
from common.registry import Effective
from database import ReadUnit, WriteUnit
from serving.guards import (
    ActiveTenant,
    LoggedInVisiting,
    NamedTenant,
    Open,
    PlatformKey,
    PlatformOperator,
    Requires,
    RequiresVisiting,
    SignedIn,
    SignedInVisiting,
)
from serving.listing import list_query, page_query, plain_list_query
from serving.providers import read_unit, replica_unit, reply, services_of, settings_of, this_visit, write_unit
from serving.repeating import answer_once
from serving.route import Route, in_unit
from serving.services import Services
from serving.visit import Visit
from shared_auth import Principal

__all__ = [
    "AnyUser",
    "Enrolling",
    "EnrollingVisit",
    "Listing",
    "LoggedIn",
    "LoggedInVisit",
    "NamedVisit",
    "Obeyed",
    "OpenVisit",
    "OperatorVisit",
    "Paging",
    "PlainListing",
    "PlatformVisit",
    "Provided",
    "Read",
    "ReplicaRead",
    "Replying",
    "Requires",
    "RequiresVisiting",
    "Route",
    "SignedInVisit",
    "TenantVisit",
    "ThisVisit",
    "Visit",
    "Write",
    "answer_once",
    "in_unit",
]

Read = Annotated[ReadUnit, Depends(read_unit)]
"""A unit that reads, committed by the route."""

ReplicaRead = Annotated[ReadUnit, Depends(replica_unit)]
"""The same for lists, searches and statistics: on the replica, if there is one that has all that was written. Not for
what somebody is let in by, nor for a single record, which is about to be changed: the primary has both at hand."""

Write = Annotated[WriteUnit, Depends(write_unit)]
"""A unit that writes, committed by the route."""

Listing = Annotated[ListQuery, Depends(list_query)]
"""What the caller wants of a list."""

Paging = Annotated[ListQuery, Depends(page_query)]
"""Paging alone, for a list that has one order and is not searched."""

PlainListing = Annotated[ListQuery, Depends(plain_list_query)]
"""The same for what has no time of creation."""

Replying = Annotated[Reply, Depends(reply)]
"""The headers of the answer, and the caller's conditions."""

ThisVisit = Annotated[Visit, Depends(this_visit)]
"""The visit that the guard beside it let in, for an endpoint that opens its own units."""

Provided = Annotated[Services, Depends(services_of)]
"""Passwords, tokens and what else the process has one of."""

Obeyed = Annotated[Effective, Depends(settings_of)]
"""The effective settings of the visited tenant."""

AnyUser = Annotated[Principal, Depends(SignedIn())]
"""Whoever is signed in, or comes with an API key."""

SignedInVisit = Annotated[Visit, Depends(SignedInVisiting())]
"""The visit of whoever is signed in; the endpoint opens its own units, or none."""

LoggedIn = Annotated[Principal, Depends(SignedIn(by_key=False))]
"""Whoever is signed in by a login of its own: what concerns one's account is no business of one's API keys."""

Enrolling = Annotated[Principal, Depends(SignedIn(by_key=False, restricted=True))]
"""Whoever logged in, also who may do nothing until a second factor is enrolled."""

EnrollingVisit = Annotated[Visit, Depends(SignedInVisiting(restricted=True))]
"""The visit of whoever is signed in, also of those."""

LoggedInVisit = Annotated[Visit, Depends(LoggedInVisiting())]
"""The visit of whoever logged in; the endpoint opens its own units."""

TenantVisit = Annotated[Visit, Depends(ActiveTenant())]
"""An unauthenticated visit of a served tenant; it opens its own units."""

NamedVisit = Annotated[Visit, Depends(NamedTenant())]
"""An unauthenticated visit about a tenant that may not exist."""

PlatformVisit = Annotated[Visit, Depends(PlatformKey())]
"""A visit of the platform's operator."""

OperatorVisit = Annotated[Visit, Depends(PlatformOperator())]
"""A visit of the platform's operator, about no tenant in particular."""

OpenVisit = Annotated[Visit, Depends(Open())]
"""Anybody's visit."""
