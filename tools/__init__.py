"""The tools module."""

from __future__ import annotations

from tools import models
from tools.endpoints import router

__all__ = ["models", "router"]
