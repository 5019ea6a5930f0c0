"""The settings module."""

from __future__ import annotations

from settings import models, operators
from settings.caching import cached_settings
from settings.declarations import DECLARATIONS
from settings.documentation import DOCUMENTATION
from settings.endpoints import router
from settings.feature_flags.caching import cached_flag_sets
from settings.feature_flags.jobs import JOB_HANDLERS
from settings.feature_flags.usage import FlagUsage
from settings.housekeeping import keep_house
from settings.loading import LOADERS
from settings.models import CONSTRAINTS
from settings.ofrep.channels import FlagChannels
from settings.ofrep.endpoints import router as ofrep_router
from settings.ofrep.failures import PREFIX as OFREP_PREFIX
from settings.ofrep.failures import describe_failure as describe_ofrep_failure
from settings.values.secrets import settings_vault

__all__ = [
    "CONSTRAINTS",
    "DECLARATIONS",
    "DOCUMENTATION",
    "JOB_HANDLERS",
    "LOADERS",
    "OFREP_PREFIX",
    "FlagChannels",
    "FlagUsage",
    "cached_flag_sets",
    "cached_settings",
    "describe_ofrep_failure",
    "keep_house",
    "models",
    "ofrep_router",
    "operators",
    "router",
    "settings_vault",
]
