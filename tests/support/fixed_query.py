"""A client of a list that cannot be asked without some parameters, for contracts that do not know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.support.world import Api, TestTenant


class FixedQueryApi(Api):
    """Adds the parameters to requests of one path that do not have them."""

    def __init__(self, api: Api, path: str, fixed: Mapping[str, str]) -> None:
        super().__init__(api._http, api.headers)
        self._path = path
        self._fixed = fixed

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request."""
        bare, _, query = path.partition("?")
        if bare == self._path:
            missing = {name: value for name, value in self._fixed.items() if f"{name}=" not in query}
            if options.get("params") is not None:
                options["params"] = {**missing, **options["params"]}
            elif missing:
                path = f"{bare}?{'&'.join(part for part in (query, urlencode(missing)) if part)}"
        return await super().request(method, path, **options)


def with_query(tenant: TestTenant, path: str, fixed: Mapping[str, str]) -> TestTenant:
    """The tenant, whose owner's requests of the path have the parameters."""
    owner = tenant.people["owner"]
    return replace(tenant, people={**tenant.people, "owner": replace(owner, api=FixedQueryApi(owner.api, path, fixed))})
