"""The files by which the service is deployed, as the tests read them."""

from __future__ import annotations

import json
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from common.config import Config
from tests.support.source import ROOT

KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
# Read by the client of S3, not by the service.
AWS_VARIABLES: Final = {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
SETTLING_SECONDS: Final = 5  # what follows the last request: notes written down, pools closed
INTERPOLATED: Final = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


def known_variables() -> set[str]:
    """Every variable that means something to the service or to a library of it."""
    return {name.upper() for name in Config.model_fields} | AWS_VARIABLES


@cache
def compose_text() -> str:
    """``compose.yaml`` with the value ``x…x`` for each variable that has none."""
    return INTERPOLATED.sub(_value, (ROOT / "compose.yaml").read_text())


def _value(found: re.Match[str]) -> str:
    return found["rest"] if found["kind"] == "-" else found["name"].ljust(40, "x")


def compose() -> dict[str, Any]:
    """The same, parsed."""
    return dict(yaml.safe_load(compose_text()))


def compose_service(name: str) -> dict[str, Any]:
    """One of its services."""
    return dict(compose()["services"][name])


def seconds(text: str) -> int:
    """A duration as Compose writes it."""
    number, unit = re.fullmatch(r"(\d+)([sm])", text).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60}[unit]


@cache
def manifests() -> tuple[dict[str, Any], ...]:
    """Every object of the Kubernetes files, the example of a Secret too."""
    paths = [path for path in sorted(KUBERNETES.glob("*.yaml")) if path.name != "kustomization.yaml"]
    return tuple(document for path in paths for document in yaml.safe_load_all(path.read_text()))


def manifest(kind: str, name: str = "system-service") -> dict[str, Any]:
    """One of them."""
    (found,) = [item for item in manifests() if item["kind"] == kind and item["metadata"]["name"] == name]
    return found


def pod_templates() -> dict[str, dict[str, Any]]:
    """What pods are made from, by the kind of its maker."""
    return {
        "Deployment": manifest("Deployment")["spec"]["template"],
        "Job": manifest("Job", "system-service-migrate")["spec"]["template"],
    }


@cache
def dockerfile() -> str:
    """The image's recipe, one instruction a line."""
    return (ROOT / "Dockerfile").read_text().replace("\\\n", "")


def instruction(name: str) -> str:
    """The last instruction of this name."""
    return re.findall(rf"^{name} (.*)$", dockerfile(), re.MULTILINE)[-1]  # type: ignore[no-any-return]


def image_command() -> list[str]:
    """What a container runs."""
    return list(json.loads(instruction("CMD")))


def image_health_check() -> list[str]:
    """What tells whether it lives."""
    return list(json.loads(instruction("HEALTHCHECK").partition(" CMD ")[2]))


def graceful_seconds() -> int:
    """How long uvicorn lets requests in flight go on."""
    return int(re.search(r"--timeout-graceful-shutdown (\d+)", dockerfile())[1])  # type: ignore[index]


def admitted() -> list[str]:
    """The files and folders that ``.dockerignore`` lets into the image."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line[1:].rstrip("/") for line in lines if line.startswith("!")]


def copy_image(target: Path) -> None:
    """Lay out what the image holds below /app."""
    for name in admitted():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target / name)
