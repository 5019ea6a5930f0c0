"""The mails of the tools module: their templates, and how one is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MAIL_TEMPLATES: Final = Path(__file__).parent / "templates"
