"""The folder of the mails' templates, and the languages they are written in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MAIL_TEMPLATES: Final = Path(__file__).parent / "templates"
LANGUAGES: Final = tuple(sorted(folder.name for folder in MAIL_TEMPLATES.iterdir() if folder.is_dir()))
