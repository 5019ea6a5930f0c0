"""Routes that are analysed when they are first asked.

FastAPI takes milliseconds to make of an endpoint's signature what it needs, and pydantic to build the models in it:
together most of a second for two hundred endpoints, before a process can answer for the first of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, ClassVar, Final, get_args, get_type_hints

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import compile_path

ANALYSED: Final = frozenset({*APIRoute.__annotations__, "app", "form_limits"})  # what FastAPI's own constructor finds


class LateRoute(APIRoute):
    """A route that has what a request finds it by. Everything else is analysed once for it and its copies, as that of a
    route of the class ``analysed_as``, when somebody asks for it."""

    analysed_as: ClassVar[type[APIRoute]] = APIRoute

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, methods: Iterable[str], name: str | None, **options: Any
    ) -> None:
        self.path, self.endpoint, self.name = path, endpoint, name or endpoint.__name__
        self.methods = set(methods)
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)

        @cache
        def analyse() -> dict[str, Any]:
            complete_models(endpoint, options)
            return vars(self.analysed_as(path, endpoint, methods=self.methods, name=name, **options))

        self._analyse = analyse

    def __getattr__(self, name: str) -> Any:
        """What only the analysis tells."""
        if name not in ANALYSED:
            raise AttributeError(name)
        vars(self).update(self._analyse() | vars(self))
        return vars(self)[name]


def complete_models(endpoint: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Have pydantic build the models of an endpoint's parameters and answers that put it off until now."""
    answers = [options.get("response_model"), *(one.get("model") for one in (options.get("responses") or {}).values())]
    for kind in (*get_type_hints(endpoint, include_extras=True).values(), *answers):
        for model in _models_in(kind):
            model.model_config["defer_build"] = False  # or what FastAPI makes of the model would be put off, too
            model.model_rebuild()


def _models_in(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from _models_in(part)
