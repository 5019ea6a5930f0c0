"""The tools module."""

from __future__ import annotations

from tools.endpoints import router

__all__ = ["router"]
