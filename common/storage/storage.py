"""The storage of this deployment, as the configuration names it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from obstore.store import LocalStore, S3Store

from common.config import Config
from common.errors import Overloaded, StorageUnavailable, TooManyRequests
from common.ids import TenantName
from common.storage.faults import translated
from common.storage.folder import Folder

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig  # not there at run time

# A part of 5 MiB, or a piece of 1 MiB, in each request: what takes longer hangs.
REQUEST_TIMEOUT: Final = timedelta(seconds=30)
CONNECT_TIMEOUT: Final = timedelta(seconds=3)
FULL_SECONDS: Final = 2  # after which a tenant may try again
RETRIES: Final[RetryConfig] = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}


class Storage:
    """Opens at its first use. Files can be had only of a tenant."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._receiving: Counter[TenantName] = Counter()

    def folder(self, name: TenantName) -> Folder:
        """A tenant's files. Raises StorageUnavailable."""
        return Folder(self._store, name.schema, self._root)

    @contextmanager
    def receiving(self, name: TenantName) -> Iterator[None]:
        """A place among those who may write at the same time, which takes memory. Raises Overloaded, or TooManyRequests
        where one tenant would take the places of the others."""
        if self._receiving.total() >= self._config.max_uploads:
            raise Overloaded("Too many files are being received at this moment. Try again.")
        if self._receiving[name] >= self._config.max_uploads_per_tenant:
            raise TooManyRequests(FULL_SECONDS)
        self._receiving[name] += 1
        try:
            yield
        finally:
            self._receiving[name] -= 1
            self._receiving += Counter()  # forgets who has none

    @property
    def _root(self) -> Path | None:
        """The folder of a local storage."""
        url = self._config.attachments_url
        if url is None:
            return self._config.data_dir.absolute() / "attachments"
        parts = urlsplit(url)
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    @cached_property
    def _store(self) -> ObjectStore:
        root = self._root
        with translated(missing=StorageUnavailable):
            if root is None:
                return self._bucket()
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            return LocalStore(root)

    def _bucket(self) -> ObjectStore:
        """Credentials and region are read from the usual AWS_ variables, by obstore."""
        parts = urlsplit(self._config.attachments_url or "")
        endpoint = self._config.attachments_s3_endpoint
        client: ClientConfig = {
            "allow_http": bool(endpoint and endpoint.startswith("http://")),
            "timeout": REQUEST_TIMEOUT,
            "connect_timeout": CONNECT_TIMEOUT,
        }
        elsewhere: dict[str, Any] = {"endpoint": endpoint, "virtual_hosted_style_request": False} if endpoint else {}
        prefix = unquote(parts.path).strip("/") or None
        return S3Store(parts.netloc, prefix=prefix, client_options=client, retry_config=RETRIES, **elsewhere)
