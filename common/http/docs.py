"""/docs (Swagger UI) and /redoc without a CDN: the scripts come from the ``fastapi-offline`` package.

Addresses inside the pages are relative, so they also work behind a proxy that adds a path prefix.
"""

from __future__ import annotations

import hashlib
import html
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "redoc.standalone.js": "text/javascript; charset=utf-8",
    "favicon.png": "image/png",
}

SWAGGER_UI_PARAMETERS: Mapping[str, object] = {
    "dom_id": "#swagger-ui",
    "deepLinking": True,
    "docExpansion": "none",  # the tags fit on one screen; all operations would be five
    "defaultModelsExpandDepth": 0,
    "displayRequestDuration": True,
    "filter": True,
    "persistAuthorization": True,
    "tryItOutEnabled": True,
    "validatorUrl": None,  # the default sends the document to validator.swagger.io
}

REDOC_OPTIONS: Mapping[str, object] = {
    "jsonSamplesExpandLevel": 3,
    "nativeScrollbars": True,
    "sortRequiredPropsFirst": True,
}

SWAGGER_UI_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" type="image/png" href="docs/assets/favicon.png">
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
</head>
<body>
<noscript>This page needs JavaScript; the document itself is <a href="{openapi}">here</a>.</noscript>
<div id="swagger-ui"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script>{script}</script>
</body>
</html>
"""

REDOC_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" type="image/png" href="docs/assets/favicon.png">
<style>body {{ margin: 0; }}</style>
</head>
<body>
<noscript>This page needs JavaScript; the document itself is <a href="{openapi}">here</a>.</noscript>
<div id="redoc"></div>
<script src="docs/assets/redoc.standalone.js"></script>
<script>{script}</script>
</body>
</html>
"""


@dataclass(frozen=True)
class _Document:
    """A file or page that never changes while the process lives."""

    content: bytes
    media_type: str
    headers: Mapping[str, str]


def add_docs(app: FastAPI) -> None:
    """Serve /docs, /redoc and their files from ``app``, which was made with ``docs_url=None, redoc_url=None``.

    Raises ValueError when the app does not serve its OpenAPI document.
    """
    if app.openapi_url is None:
        raise ValueError("the documentation pages need the app to have an openapi_url")
    openapi = app.openapi_url.removeprefix("/")
    assets = {name: _asset(name) for name in MEDIA_TYPES}
    swagger_ui, redoc = _swagger_ui_page(app.title, openapi), _redoc_page(app.title, openapi)

    async def show_swagger_ui(request: Request) -> Response:
        return _answer(request, swagger_ui)

    async def show_redoc(request: Request) -> Response:
        return _answer(request, redoc)

    async def get_docs_asset(request: Request) -> Response:
        asset = assets.get(request.path_params["name"])  # a fixed table: no path is ever opened for a request
        if asset is None:
            raise HTTPException(status_code=404)
        return _answer(request, asset)

    app.add_route("/docs", show_swagger_ui, include_in_schema=False)
    app.add_route("/redoc", show_redoc, include_in_schema=False)
    app.add_route("/docs/assets/{name}", get_docs_asset, include_in_schema=False)


def _swagger_ui_page(title: str, openapi: str) -> _Document:
    script = f"SwaggerUIBundle({_script_json({'url': openapi, **SWAGGER_UI_PARAMETERS})});"
    return _page(SWAGGER_UI_PAGE, title=title, openapi=openapi, script=script)


def _redoc_page(title: str, openapi: str) -> _Document:
    arguments = f"{_script_json(openapi)}, {_script_json(REDOC_OPTIONS)}"
    script = f"Redoc.init({arguments}, document.getElementById('redoc'));"
    # The search index of ReDoc is built in a worker that it makes from a blob.
    return _page(REDOC_PAGE, title=title, openapi=openapi, script=script, more_policy="; worker-src blob:")


def _page(template: str, *, title: str, openapi: str, script: str, more_policy: str = "") -> _Document:
    text = template.format(title=html.escape(title), openapi=html.escape(openapi), script=script)
    policy = _content_security_policy(script) + more_policy
    return _document(text.encode(), "text/html; charset=utf-8", {"Content-Security-Policy": policy})


def _content_security_policy(script: str) -> str:
    """Allow this one inline script by its digest, and nothing from elsewhere, such as the logo that ReDoc asks for.

    Styles stay open, because both pages make them at run time.
    """
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'; "
        f"script-src 'self' 'sha256-{digest}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'"
    )


def _asset(name: str) -> _Document:
    content = files("fastapi_offline").joinpath("static", name).read_bytes()
    return _document(content, MEDIA_TYPES[name], {})


def _document(content: bytes, media_type: str, headers: Mapping[str, str]) -> _Document:
    # The tag is a digest of the content, not of the file's time, so that all replicas answer the same one.
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return _Document(content, media_type, {"ETag": etag, "Cache-Control": "public, no-cache", **headers})


def _answer(request: Request, document: _Document) -> Response:
    """Send the document, or 304 when the browser has it (RFC 9110 section 13.1.2: a list, weakly compared)."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")}
    if known & {"*", document.headers["ETag"]}:
        return Response(status_code=304, headers=document.headers)
    return Response(document.content, headers=document.headers, media_type=document.media_type)


def _script_json(value: object) -> str:
    """JSON that cannot close the script element it stands in."""
    return json.dumps(value).replace("<", "\\u003c")
