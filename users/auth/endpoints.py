"""``/auth``: login, refresh, logout, and who one is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from common.http.openapi import problem_responses
from common.http.written import Written
from dependencies import AnyUser, Enrolling, EnrollingVisit, Route, TenantVisit, Write
from users.auth import service
from users.auth.schemas import AuthenticationTest, LoginRequest, Me, RefreshRequest, TokenPair

router = APIRouter(prefix="/auth", tags=["authentication"], route_class=Route)


@router.post("/login", summary="Log in", responses=problem_responses({401}))
async def login(visit: TenantVisit, payload: LoginRequest) -> TokenPair:
    """Every wrong combination of user name and password gets the same answer, after the same work. Where a role demands
    a second factor that is not enrolled, `required_action` says so, and the tokens are good for nothing else."""
    return await service.log_in(visit, payload)


@router.post("/refresh", summary="Get new tokens", responses=problem_responses({401}))
async def refresh(visit: TenantVisit, payload: RefreshRequest) -> TokenPair:
    """Each refresh token is good once. Repeating it within seconds, before its successor was used, gives the same
    successor; any later use of it ends the session."""
    return await service.refresh(visit, payload.refresh_token)


@router.post("/logout", status_code=204, summary="Log out")
async def logout(unit: Write, actor: Enrolling, scope: Annotated[service.LogoutScope, Query()] = "local") -> None:
    """Ends this session (`local`), all others (`others`) or all (`global`); their tokens are dead at once."""
    await service.log_out(unit, actor, scope)


@router.get("/me", summary="Who am I", response_model=Me)
async def get_me(visit: EnrollingVisit) -> Response:
    """The signed-in user with roles, permissions and session, and what must be done before they count."""
    return Written(await service.describe_me(visit))


@router.get("/test", summary="Test the credential")
async def test_authentication(actor: AnyUser) -> AuthenticationTest:
    """Answers only to a valid credential."""
    return AuthenticationTest(tenant_id=actor.tenant.schema, subject=actor.user_id, via=actor.via)
