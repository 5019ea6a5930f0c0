"""The tools module."""

from __future__ import annotations

from tools import models
from tools.declarations import DECLARATIONS
from tools.endpoints import router

__all__ = ["DECLARATIONS", "models", "router"]
