"""Where files lie: a local folder or S3, a folder for each tenant in either."""

from __future__ import annotations

from common.storage.folder import Folder, StoredFile
from common.storage.storage import Storage
from common.storage.writing import Writer

__all__ = ["Folder", "Storage", "StoredFile", "Writer"]
