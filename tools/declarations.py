"""The settings that the tools module obeys."""

from __future__ import annotations

from typing import Final

from common.enums import SettingType
from common.registry import Declaration

REQUEST_DAYS: Final = "reviews.request_days"
AUTO_APPROVE: Final = "reviews.auto_approve"

DECLARATIONS: Final[tuple[Declaration, ...]] = (
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
