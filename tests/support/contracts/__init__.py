"""What every resource promises, written once.

A resource's test class derives from the contracts, says in ``resource`` what is special about it, and gets the tests.
Each one runs in both twin tenants, and no answer may hold the other twin's canary.
"""

from tests.support.contracts.access import PermissionContract, TenantIsolationContract
from tests.support.contracts.concurrency import ConcurrencyContract, IdempotencyContract
from tests.support.contracts.crud import CrudContract
from tests.support.contracts.lists import GrowingListContract, ListContract
from tests.support.contracts.records import RecordContract
from tests.support.contracts.resource import Resource, Row

__all__ = [
    "ConcurrencyContract",
    "CrudContract",
    "GrowingListContract",
    "IdempotencyContract",
    "ListContract",
    "PermissionContract",
    "RecordContract",
    "Resource",
    "Row",
    "TenantIsolationContract",
]
