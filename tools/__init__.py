"""The tools module."""

from __future__ import annotations

from tools import models
from tools.declarations import DECLARATIONS
from tools.documentation import DOCUMENTATION
from tools.endpoints import CONSTRAINTS, JOB_HANDLERS, LOADERS, router
from tools.housekeeping import keep_house
from tools.mailing import MAIL_TEMPLATES

__all__ = [
    "CONSTRAINTS",
    "DECLARATIONS",
    "DOCUMENTATION",
    "JOB_HANDLERS",
    "LOADERS",
    "MAIL_TEMPLATES",
    "keep_house",
    "models",
    "router",
]
