"""Who may fetch a content by its address."""

from __future__ import annotations

import time

from common.ids import TenantName
from serving.guards import SignedAddress
from serving.services import Services
from tools.attachments.addresses import ContentAddresses


def content_addresses(services: Services) -> ContentAddresses:
    """Makes and verifies addresses."""
    previous = services.config.secret_key_previous
    return ContentAddresses(
        services.config.secret_key.get_secret_value(), previous.get_secret_value() if previous else None
    )


class HasAddress(SignedAddress):
    """Whoever has the address of a content."""

    documented_statuses = (400, 401, 403, 404, 416, 422, 503)

    def read_secret(self, services: Services, secret: str) -> TenantName:
        """The tenant of the attachment."""
        return content_addresses(services).verify(secret, time.time()).tenant
