"""The Kubernetes manifests are what Kubernetes reads, and agree with each other, with the image and with the code."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from cloudcoil.resources import Resource

from common.config import PLACEHOLDER_SECRET, Config, ConfigError
from common.http.root import CHECK_SECONDS
from manage.app import app as command_line
from tests.deploy.files import (
    KUBERNETES,
    SETTLING_SECONDS,
    graceful_seconds,
    instruction,
    known_variables,
    manifest,
    manifests,
    pod_templates,
)

API = {"app.kubernetes.io/name": "system-service", "app.kubernetes.io/component": "api"}


def model_of(item: dict[str, Any]) -> type[Resource]:
    """The model of an object's kind."""
    group, _, version = item["apiVersion"].rpartition("/")
    if group == "monitoring.coreos.com":
        module = import_module(f"cloudcoil.models.prometheus_operator.{version}")
    else:
        module = import_module(f"cloudcoil.models.kubernetes.{group.partition('.')[0] or 'core'}.{version}")
    found: type[Resource] = getattr(module, item["kind"])
    return found


def container_of(template: dict[str, Any]) -> dict[str, Any]:
    (container,) = template["spec"]["containers"]
    return dict(container)


def environment() -> dict[str, str]:
    return {**manifest("ConfigMap")["data"], **manifest("Secret")["stringData"]}


@pytest.mark.parametrize("item", manifests(), ids=lambda item: f"{item['kind']}/{item['metadata']['name']}")
def test_kubernetes_knows_every_field_and_takes_every_value(item: dict[str, Any]) -> None:
    """The models refuse wrong types and missing fields; a field they do not know is lost on the way."""
    read = model_of(item).model_validate(item)

    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == item


def test_a_misspelt_field_and_a_wrong_type_are_noticed() -> None:
    item = manifest("ServiceAccount")
    model = model_of(item)
    misspelt = model.model_validate(item | {"automountServiceAccountTokens": False})

    assert "automountServiceAccountTokens" not in misspelt.model_dump(by_alias=True, exclude_unset=True)
    with pytest.raises(ValueError, match="automountServiceAccountToken"):
        model.model_validate(item | {"automountServiceAccountToken": "perhaps"})


def test_kustomize_takes_every_file_but_the_example() -> None:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
    images = {container_of(template)["image"] for template in pod_templates().values()}

    assert sorted(kustomization["resources"]) == sorted(files)
    assert {image["name"] for image in kustomization["images"]} == images
    assert kustomization["namespace"] == manifest("Namespace")["metadata"]["name"]
    assert kustomization["namespace"] == manifest("Secret")["metadata"]["namespace"]


def test_every_variable_means_something() -> None:
    assert set(environment()) - known_variables() == set()
    assert "env" not in container_of(pod_templates()["Deployment"])


def test_the_service_takes_the_values_but_not_the_example_s_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        Config.from_environment()
    assert len(refused.value.lines) == 1
    assert environment()["SECRET_KEY"] == PLACEHOLDER_SECRET

    monkeypatch.setenv("SECRET_KEY", "s" * 40)
    config = Config.from_environment()
    assert config.attachments_url is not None
    assert config.smtp_host is not None
    assert config.workers == 1  # the metrics port can be opened once


def test_both_kinds_of_pods_have_the_same_environment_and_image() -> None:
    service, job = (container_of(template) for template in pod_templates().values())

    assert service["envFrom"] == job["envFrom"]
    assert service["image"] == job["image"]
    assert service["envFrom"] == [
        {"configMapRef": {"name": "system-service"}},
        {"secretRef": {"name": "system-service"}},
    ]


@pytest.mark.parametrize("kind", pod_templates())
def test_pods_may_do_nothing_that_the_image_does_not_need(kind: str) -> None:
    spec = pod_templates()[kind]["spec"]
    container = container_of(pod_templates()[kind])

    assert f"{spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}" == instruction("USER")
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["serviceAccountName"] == manifest("ServiceAccount")["metadata"]["name"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]


def test_the_folders_that_the_image_writes_to_are_volumes() -> None:
    spec = pod_templates()["Deployment"]["spec"]
    mounted = {mount["mountPath"]: mount["name"] for mount in container_of({"spec": spec})["volumeMounts"]}

    assert set(mounted) == {"/tmp", "/data"}
    assert "DATA_DIR=/data" in instruction("ENV")
    assert sorted(mounted.values()) == sorted(volume["name"] for volume in spec["volumes"])


def test_selectors_find_the_service_s_pods_and_no_others() -> None:
    labels = {kind: template["metadata"]["labels"] for kind, template in pod_templates().items()}
    spec = manifest("Deployment")["spec"]
    spread = [rule["labelSelector"] for rule in spec["template"]["spec"]["topologySpreadConstraints"]]

    assert labels["Deployment"] == API
    assert spec["selector"]["matchLabels"] == API
    assert manifest("Service")["spec"]["selector"] == API
    assert manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == API
    assert spread == [{"matchLabels": API}] * 2
    assert manifest("ServiceMonitor")["spec"]["selector"]["matchLabels"] == manifest("Service")["metadata"]["labels"]
    assert labels["Job"]["app.kubernetes.io/component"] != API["app.kubernetes.io/component"]
    policy = manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    assert all(policy.items() <= pod.items() for pod in labels.values())


def test_ports_are_those_of_the_service() -> None:
    ports = {port["name"]: port["containerPort"] for port in container_of(pod_templates()["Deployment"])["ports"]}
    service = manifest("Service")["spec"]["ports"]
    (endpoint,) = manifest("ServiceMonitor")["spec"]["endpoints"]

    assert ports == {"http": Config.model_fields["port"].default, "metrics": int(environment()["METRICS_PORT"])}
    assert str(ports["http"]) == instruction("EXPOSE")
    assert {port["targetPort"] for port in service} == set(ports)
    assert endpoint["port"] in {port["name"] for port in service if port["targetPort"] == "metrics"}


def test_the_network_policy_lets_through_what_is_used_and_denies_the_rest() -> None:
    policy = manifest("NetworkPolicy")["spec"]
    inward = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    outward = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    addresses = [urlsplit(value) for name, value in environment().items() if name.endswith("_URL")]
    servers = {address.port for address in addresses if address.port}
    default = manifest("NetworkPolicy", "default-deny")["spec"]

    assert inward == {port["name"] for port in container_of(pod_templates()["Deployment"])["ports"]}
    assert outward == servers | {53, 443, Config.model_fields["smtp_port"].default}
    assert len(servers) == 3
    assert default == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


async def test_probes_ask_what_the_service_answers(http: httpx.AsyncClient) -> None:
    container = container_of(pod_templates()["Deployment"])
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}

    for probe in probes.values():
        assert probe["port"] == "http"
        assert (await http.get(probe["path"])).status_code == 200
    assert probes["readinessProbe"]["path"] == "/readiness"
    assert probes["livenessProbe"]["path"] == probes["startupProbe"]["path"] == "/health"
    assert container["readinessProbe"]["timeoutSeconds"] > CHECK_SECONDS


def test_a_pod_has_time_to_end() -> None:
    spec = pod_templates()["Deployment"]["spec"]
    waiting = container_of({"spec": spec})["lifecycle"]["preStop"]["sleep"]["seconds"]
    readiness = container_of({"spec": spec})["readinessProbe"]

    assert spec["terminationGracePeriodSeconds"] >= waiting + graceful_seconds() + SETTLING_SECONDS
    assert waiting >= readiness["periodSeconds"]


def test_the_autoscaler_scales_the_deployment() -> None:
    spec = manifest("HorizontalPodAutoscaler")["spec"]
    deployment = manifest("Deployment")

    assert spec["scaleTargetRef"] == {
        "apiVersion": deployment["apiVersion"],
        "kind": deployment["kind"],
        "name": deployment["metadata"]["name"],
    }
    assert "replicas" not in deployment["spec"]  # applying the file again would undo the autoscaler's number
    assert (
        "cpu" in container_of(deployment["spec"]["template"])["resources"]["requests"]
    )  # a share of which it measures
    assert spec["minReplicas"] >= 2


def test_the_job_runs_a_command_that_exists() -> None:
    commands = {command.callback.__name__ for command in command_line.registered_commands if command.callback}

    assert container_of(pod_templates()["Job"])["command"] == ["python", "-m", "manage", "migrate"]
    assert "migrate" in commands
