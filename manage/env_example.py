"""``.env.example``: every variable of the configuration with its meaning, limits and default, made from the model."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from common.config import Config

WIDTH = 100
HEADER = """\
# Every variable that System Service reads, with its default. Only SECRET_KEY has to be set, because
# the default environment is production. This file is written by `make env-example`: do not edit it,
# copy it to `.env`, remove the `# ` in front of what you change, and load that before the start:
#
#     set -a; . ./.env; set +a
#
# A random secret: python3 -c "import secrets; print(secrets.token_urlsafe(48))"
"""

_GROUP = re.compile(r"    # -- (.+?) -+")
_FIELD = re.compile(r"    (\w+): .*")


def render_env_example() -> str:
    """The whole file as text, grouped as the fields are in the source of ``Config``."""
    return HEADER + "".join(_lines())


def write_env_example(path: Path) -> None:
    """Write the file anew, whatever it held."""
    path.write_text(render_env_example(), encoding="utf-8")


def _lines() -> Iterator[str]:
    # The groups are comments, which only the source has; the order of the fields is the same in both.
    for line in inspect.getsource(Config).splitlines():
        if group := _GROUP.fullmatch(line):
            title = f"# -- {group[1]} "
            yield f"\n{title}{'-' * (WIDTH - len(title))}\n"
        elif (found := _FIELD.fullmatch(line)) and found[1] in Config.model_fields:
            yield _variable(found[1], Config.model_fields[found[1]])


def _variable(name: str, field: FieldInfo) -> str:
    meaning = " ".join(part for part in (field.description, _limits(field)) if part)
    comment = textwrap.fill(
        meaning, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False, break_on_hyphens=False
    )
    return f"\n{comment}\n# {name.upper()}={_plain(field.default)}\n"


def _limits(field: FieldInfo) -> str:
    """What the type says and the description need not repeat: the choices, or the range."""
    if get_origin(field.annotation) is Literal:
        return f"One of: {', '.join(get_args(field.annotation))}."
    low = next((item.ge for item in field.metadata if isinstance(item, Ge)), None)
    high = next((item.le for item in field.metadata if isinstance(item, Le)), None)
    if low is None:
        return "" if high is None else f"At most {high}."
    return f"At least {low}." if high is None else f"{low} to {high}."


def _plain(default: object) -> str:
    """A default as one writes it in an environment; None and an empty list are written as nothing."""
    match default:
        case None:
            return ""
        case SecretStr():
            return default.get_secret_value()
        case bool():
            return str(default).lower()
        case tuple():
            return ",".join(default)
        case _:
            return str(default)
