"""Routes of several routers as one list, below a prefix."""

from __future__ import annotations

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

import tools
from common.http.mounting import join, mount

words = APIRouter(prefix="/words", tags=["words"])
things = APIRouter(prefix="/things")


@words.get("/{word}")
async def say(word: str) -> dict[str, str]:
    """The word."""
    return {"word": word}


@things.get("/{number}")
async def count(number: int) -> dict[str, int]:
    """The number."""
    return {"number": number}


@pytest.fixture
def app() -> FastAPI:
    made = FastAPI()
    mount(made, join((words, things)), prefix="/api")
    return made


async def test_they_are_served_below_the_prefix_and_nowhere_else(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as client:
        assert (await client.get("/api/words/hello")).json() == {"word": "hello"}
        assert (await client.get("/api/things/7")).json() == {"number": 7}
        assert (await client.get("/api/things/seven")).status_code == 422
        assert (await client.get("/words/hello")).status_code == 404


def test_the_document_has_their_paths_and_tags(app: FastAPI) -> None:
    paths = app.openapi()["paths"]

    assert set(paths) == {"/api/words/{word}", "/api/things/{number}"}
    assert paths["/api/words/{word}"]["get"]["tags"] == ["words"]


def test_what_is_known_of_a_route_is_shared_and_left_as_it_is() -> None:
    """Analysing a module's signatures once more for each application took half a second."""
    apps = [FastAPI(), FastAPI()]
    for app in apps:
        mount(app, tools.router, prefix="/api/v1")

    pairs = [zip(tools.router.routes, app.routes[-len(tools.router.routes) :], strict=True) for app in apps]
    for original, route in (pair for app_pairs in pairs for pair in app_pairs):
        assert isinstance(original, APIRoute)
        assert isinstance(route, APIRoute)
        assert route.dependant is original.dependant
        assert route.path == "/api/v1" + original.path


def test_a_tree_is_no_list() -> None:
    """Its branches would be forgotten."""
    tree = APIRouter()
    tree.include_router(words)

    with pytest.raises(AssertionError, match="join its routes first"):
        mount(FastAPI(), tree)
