"""Telephone calls, planned and past, logged by people and by telephone systems."""

from __future__ import annotations

from common.errors import ExternalIdTaken
from tools.calls.endpoints import router
from tools.calls.kind import CALL
from tools.records.resource import Resource

RESOURCE = Resource(router, CALL, constraints={"uq_log_calls_external_id": ExternalIdTaken})

__all__ = ["RESOURCE"]
