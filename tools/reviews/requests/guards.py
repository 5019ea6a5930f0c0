"""Who may answer a request for a review."""

from __future__ import annotations

from typing import Any

from common.errors import TenantNotFound, TokenInvalid
from common.ids import TenantName
from serving.guards import SignedAddress
from serving.services import Services
from serving.visit import Visit
from tools.reviews.requests.tokens import tenant_of


class HasReviewLink(SignedAddress):
    """Whoever has a mailed link. Whether it is still good, the service asks the tenant that it names."""

    documented_statuses = (400, 403, 404, 422, 429, 503)

    async def admit(self, visit: Visit, request: Any) -> None:  # FastAPI's; only endpoints know that name
        """A tenant that is gone, or never was, is no news: the link is worthless."""
        try:
            await super().admit(visit, request)
        except TenantNotFound:
            raise TokenInvalid from None

    def read_secret(self, _services: Services, secret: str) -> TenantName:
        """The tenant in the token. Raises TokenInvalid."""
        name = tenant_of(secret)
        if name is None:
            raise TokenInvalid
        return name
