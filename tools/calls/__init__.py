"""Telephone calls, planned and past, logged by people and by telephone systems."""

from __future__ import annotations

from common.errors import ExternalIdTaken
from serving.loading import Loader, one_by_one
from tools.calls.endpoints import router
from tools.calls.kind import CALL
from tools.calls.schemas import CallCreate
from tools.calls.service import load_call
from tools.records.resource import Resource

LOADER = Loader("calls", CALL.table, CallCreate, one_by_one(load_call))
RESOURCE = Resource(router, CALL, constraints={"uq_log_calls_external_id": ExternalIdTaken}, loader=LOADER)

__all__ = ["RESOURCE"]
