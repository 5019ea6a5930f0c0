"""/docs and /redoc work without the internet, under a policy that lets no foreign script in."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from common.http.docs import MEDIA_TYPES, add_docs

PAGES = ["/docs", "/redoc"]


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI(title="A & B </title><script>", docs_url=None, redoc_url=None)
    add_docs(app)
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        yield client


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_refers_to_no_other_host(client: httpx.AsyncClient, page: str) -> None:
    answer = await client.get(page)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert re.findall(r"(?:https?:)?//[\w.-]+", answer.text) == []


@pytest.mark.parametrize("prefix", ["", "/behind/a/proxy"])
@pytest.mark.parametrize("page", PAGES)
async def test_everything_a_page_refers_to_exists(app: FastAPI, page: str, prefix: str) -> None:
    outer = Starlette(routes=[Mount(prefix, app)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://service") as client:
        answer = await client.get(prefix + page)
        addresses = set(re.findall(r'(?:src|href)="([^"]+)"', answer.text))

        assert "openapi.json" in addresses
        for address in addresses:
            assert (await client.get(str(answer.url.join(address)))).status_code == 200, address


@pytest.mark.parametrize("page", PAGES)
async def test_the_policy_allows_exactly_the_inline_script_of_the_page(client: httpx.AsyncClient, page: str) -> None:
    answer = await client.get(page)
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"


@pytest.mark.parametrize("page", PAGES)
async def test_the_title_of_the_service_is_text(client: httpx.AsyncClient, page: str) -> None:
    answer = await client.get(page)

    assert "<title>A &amp; B &lt;/title&gt;&lt;script&gt;</title>" in answer.text


async def test_swagger_ui_keeps_the_credentials_and_tells_nobody_of_the_document(client: httpx.AsyncClient) -> None:
    text = (await client.get("/docs")).text

    assert '"persistAuthorization": true' in text
    assert '"tryItOutEnabled": true' in text
    assert '"validatorUrl": null' in text


@pytest.mark.parametrize("name", MEDIA_TYPES)
async def test_an_asset_is_sent_once_and_then_only_confirmed(client: httpx.AsyncClient, name: str) -> None:
    first = await client.get(f"/docs/assets/{name}")
    again = await client.get(f"/docs/assets/{name}", headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    other = await client.get(f"/docs/assets/{name}", headers={"If-None-Match": '"other"'})

    assert first.status_code == 200
    assert first.headers["Content-Type"] == MEDIA_TYPES[name]
    assert len(first.content) == int(first.headers["Content-Length"]) > 1000
    assert first.headers["Cache-Control"] == "public, no-cache"
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert other.content == first.content


@pytest.mark.parametrize(
    "name", ["", "core.py", "..%2fcore.py", "..%5ccore.py", "%2fetc%2fpasswd", "%2e%2e%2fcore.py", "swagger-ui.css%00"]
)
async def test_nothing_but_the_four_files_is_served(client: httpx.AsyncClient, name: str) -> None:
    """Encoded, because httpx shortens a plain ``/a/../b`` itself; the app gets the decoded path."""
    answer = await client.get(f"/docs/assets/{name}")

    assert answer.status_code == 404


async def test_the_pages_are_not_operations_of_the_api(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).json()["paths"] == {}


def test_an_app_without_a_document_is_refused() -> None:
    with pytest.raises(ValueError, match="openapi_url"):
        add_docs(FastAPI(openapi_url=None))
