"""The settings that the tools module obeys."""

from __future__ import annotations

import re
from typing import Any, Final

from common.config import Config
from common.enums import SettingType
from common.registry import Declaration

ATTACHMENT_BYTES: Final = "attachments.max_bytes"
ATTACHMENT_TYPES: Final = "attachments.allowed_types"
ATTACHMENT_QUOTA: Final = "attachments.quota_bytes"
ATTACHMENT_RETENTION: Final = "attachments.retention_days"
REQUEST_DAYS: Final = "reviews.request_days"
AUTO_APPROVE: Final = "reviews.auto_approve"

DEFAULT_BYTES: Final = 100 * 1024**2
MAX_TYPES: Final = 200
DEFAULT_TYPES: Final = (
    "image/*",
    "audio/*",
    "video/*",
    "text/*",
    "message/rfc822",
    "application/gzip",
    "application/json",
    "application/msword",
    "application/pdf",
    "application/rtf",
    "application/vnd.ms-excel",
    "application/vnd.ms-outlook",
    "application/vnd.ms-powerpoint",
    "application/vnd.oasis.opendocument.*",
    "application/vnd.openxmlformats-officedocument.*",
    "application/xml",
    "application/zip",
)


def _default_bytes(config: Config) -> int:
    return min(DEFAULT_BYTES, config.max_upload_bytes)


def _is_type_list(value: Any) -> str | None:
    if not isinstance(value, list) or len(value) > MAX_TYPES:
        return f"must be a list of at most {MAX_TYPES} media types"
    if any(not isinstance(name, str) or not re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]*\*?|\*", name) for name in value):
        return "must hold media types such as application/pdf or image/*, in lower case"
    return None


DECLARATIONS: Final[tuple[Declaration, ...]] = (
    Declaration(
        ATTACHMENT_BYTES,
        SettingType.INTEGER,
        _default_bytes,
        "Largest file that may be attached, in bytes; never more than the service's MAX_UPLOAD_BYTES.",
        minimum=1,
        maximum=2**53,
    ),
    Declaration(
        ATTACHMENT_TYPES,
        SettingType.JSON,
        list(DEFAULT_TYPES),
        "Media types that may be attached; an ending `*` stands for any ending, but never for what a browser or a "
        "computer would run.",
        check=_is_type_list,
    ),
    Declaration(
        ATTACHMENT_QUOTA,
        SettingType.INTEGER,
        10 * 1024**3,
        "Bytes that all attachments may take together, deleted ones included until they are removed.",
        minimum=0,
        maximum=2**53,
    ),
    Declaration(
        ATTACHMENT_RETENTION,
        SettingType.INTEGER,
        30,
        "Days that a deleted attachment can be restored; then it is removed for good.",
        minimum=1,
        maximum=36_500,
    ),
    Declaration(
        REQUEST_DAYS,
        SettingType.INTEGER,
        30,
        "Days for which the mailed link of a request for a review is good.",
        minimum=1,
        maximum=365,
    ),
    Declaration(
        AUTO_APPROVE,
        SettingType.BOOLEAN,
        False,
        "Publish the reviews that come by mailed links without waiting for moderation.",
    ),
)
