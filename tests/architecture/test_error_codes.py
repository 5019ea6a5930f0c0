"""``docs/errors.md`` lists every code of an error answer."""

from __future__ import annotations

import re
from typing import Final

from manage.error_codes import render_error_codes
from tests.support.source import ROOT

CODE: Final = re.compile(r"""(?:\bcode = |problem\(request, \d+, )"(\w+)\"""")


def test_the_page_is_up_to_date() -> None:
    """When this fails, run ``make error-codes``."""
    assert (ROOT / "docs/errors.md").read_text(encoding="utf-8") == render_error_codes()


def test_no_code_is_left_out() -> None:
    """Neither one of an error, wherever it is declared, nor one that is answered without any."""
    folders = ("common", "serving", "users", "settings", "tools", "migrations")
    texts = [path.read_text(encoding="utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py")]
    codes = {code for text in texts for code in CODE.findall(text)}

    assert len(codes) > 50
    assert {code for code in codes if f"`{code}`" not in render_error_codes()} == set()
