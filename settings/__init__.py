"""The settings module."""

from __future__ import annotations

from settings.endpoints import router

__all__ = ["router"]
