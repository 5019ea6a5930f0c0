"""The settings module's routers."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
