"""What endpoints say beside the body: ETag, Location, Link, and what the caller's conditions mean for them."""

from __future__ import annotations

import re
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Request, Response

from common.errors import InvalidRequest
from common.http.headers import read_path

_ETAG: Final = re.compile(r'(?:W/)?"v(\d{1,9})"')


class Versioned(Protocol):
    """A resource that counts its changes."""

    @property
    def version(self) -> int: ...


class Identified(Versioned, Protocol):
    """A versioned resource with an id."""

    @property
    def id(self) -> Any: ...


class Paged(Protocol):
    """A page of a list."""

    @property
    def next_cursor(self) -> str | None: ...


VersionedT = TypeVar("VersionedT", bound=Versioned)
IdentifiedT = TypeVar("IdentifiedT", bound=Identified)
PagedT = TypeVar("PagedT", bound=Paged)


class NotModified(Exception):
    """The caller has the current version already: 304 (RFC 9110 section 13.1.2)."""

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


class Reply:
    """The answer in the making. Each method notes what belongs in the headers and hands its argument back."""

    def __init__(self, request: Request, response: Response) -> None:
        self._request = request
        self._response = response

    @property
    def expected_version(self) -> int | None:
        """The version ``If-Match`` insists on; None without the header or with ``*``. A foreign form is refused: RFC
        9110 would have it never match, and a client that sends it has a fault worth naming."""
        given = self._request.headers.get("if-match")
        if given is None or given.strip() == "*":
            return None
        match = _ETAG.fullmatch(given.strip())
        if match is None:
            raise InvalidRequest('If-Match must be one ETag of this service, such as "v3".')
        return int(match[1])

    def tag(self, resource: VersionedT) -> VersionedT:
        """Send the resource's ETag, or 304 if a reader has that version already."""
        etag = f'"v{resource.version}"'
        known = [
            value.strip().removeprefix("W/") for value in self._request.headers.get("if-none-match", "").split(",")
        ]
        if self._request.method in {"GET", "HEAD"} and (etag in known or known == ["*"]):
            raise NotModified(etag)
        self._response.headers["ETag"] = etag
        return resource

    def created(self, resource: IdentifiedT, *, below: str | None = None, name: str | None = None) -> IdentifiedT:
        """Send where the new resource is: below the list it was posted to, unless another path is named; by its id,
        unless it goes by a name."""
        self._response.headers["Location"] = f"{below or read_path(self._request.scope)}/{name or resource.id}"
        return self.tag(resource)

    def found(self, resource: VersionedT) -> VersionedT:
        """Say that what was to be created is there already: 200."""
        self._response.status_code = 200
        return self.tag(resource)

    def page(self, page: PagedT) -> PagedT:
        """Send the link to the next page (RFC 8288), with the same filters."""
        if page.next_cursor is not None:
            query = [(name, value) for name, value in self._request.query_params.multi_items() if name != "cursor"]
            address = f"{read_path(self._request.scope)}?{urlencode([*query, ('cursor', page.next_cursor)])}"
            self._response.headers["Link"] = f'<{address}>; rel="next"'
        return page


def answer_not_modified(_: Request, error: Exception) -> Response:
    """304, with the validator that made it so."""
    assert isinstance(error, NotModified)
    return Response(status_code=304, headers={"ETag": error.etag})
