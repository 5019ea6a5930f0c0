"""wapiti with the requests of a file instead of those it would make up; run by its own Python, in ``.scanners/wapiti``.

Its reader of API documents knows types, not values: every id, moment and choice it makes up would be refused before
anything was looked at. All else is wapiti as it is, with its own command line; ``--swagger`` names the file.
"""

from __future__ import annotations

import json
from pathlib import Path

from wapitiCore.main import wapiti
from wapitiCore.net import Request


class Given:
    """In the place of wapiti's reader: the same two calls."""

    def __init__(self, swagger_url: str, **_: object) -> None:
        self._found = json.loads(Path(swagger_url).read_text(encoding="utf-8"))

    async def get_requests(self) -> list[Request]:
        """What is to be attacked."""
        return [
            Request(one["url"], method=one["method"], post_params=one["body"] or None, enctype=one["type"])
            for one in self._found
        ]


if __name__ == "__main__":
    wapiti.Swagger = Given
    wapiti.wapiti_asyncio_wrapper()
