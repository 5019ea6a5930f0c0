"""``/auth/introspect``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from common.http.written import Written
from dependencies import RequiresVisiting, Route
from serving.visit import Visit
from users.introspection import service
from users.introspection.schemas import FORM, Introspection

router = APIRouter(prefix="/auth", tags=["authentication"], route_class=Route)

Introspector = Annotated[Visit, Depends(RequiresVisiting("tokens:introspect"))]


@router.post("/introspect", summary="Ask what a credential is worth", openapi_extra=FORM, response_model=Introspection)
async def introspect_token(visit: Introspector, request: Request) -> Response:
    """RFC 7662, for access tokens and API keys of the same tenant. Whatever is wrong with a credential, the answer is
    just `{"active": false}`. An API key's `allowed_cidrs` are for the asking service to check."""
    return Written(await service.introspect(visit, service.read_form(await request.body())))
