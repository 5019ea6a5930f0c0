"""Who may ask for flags, and who may listen."""

from __future__ import annotations

import time

from common.ids import TenantName
from serving.guards import RequiresVisiting, SignedAddress
from serving.services import Services
from settings.ofrep.streams import stream_tokens


class MayEvaluate(RequiresVisiting):
    """Somebody who may ask for flags."""

    documented_statuses = (400, 401, 403, 404, 503)

    def __init__(self) -> None:
        super().__init__("flags:evaluate")


class MayListen(SignedAddress):
    """Whoever has the address of a stream."""

    documented_statuses = (400, 401, 403, 404, 429, 503)

    def read_secret(self, services: Services, secret: str) -> TenantName:
        """The tenant of the stream."""
        return stream_tokens(services.config).verify(secret, time.time()).tenant
