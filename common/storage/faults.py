"""What goes wrong in a storage, as our own errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from obstore.exceptions import BaseError

from common.errors import ContentMissing, ServiceError, StorageUnavailable

log = structlog.get_logger("storage")


@contextmanager
def translated(missing: type[ServiceError] = ContentMissing) -> Iterator[None]:
    """Raises ``missing`` for what is not there, and StorageUnavailable for whatever else the storage fails with."""
    try:
        yield
    except FileNotFoundError as error:
        raise missing from error
    except (BaseError, OSError) as error:
        log.warning("storage_failed", reason=str(error).partition("\n")[0][:300])
        raise StorageUnavailable from error
