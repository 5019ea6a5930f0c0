"""The settings module."""

from __future__ import annotations

from settings import models
from settings.caching import cached_settings
from settings.declarations import DECLARATIONS
from settings.endpoints import router

__all__ = ["DECLARATIONS", "cached_settings", "models", "router"]
