"""The settings module."""

from __future__ import annotations

from settings import models
from settings.endpoints import router

__all__ = ["models", "router"]
