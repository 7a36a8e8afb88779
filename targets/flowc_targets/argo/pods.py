"""Pods: image, environment, volumes, resources, and what they are not allowed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flowc_shim import __version__
from flowc_shim.contract.secrets import environment_name, named_secret
from flowc_targets._shared.secrets import secret_environment
from flowc_targets.argo.classes.blob_names import blob_environment
from flowc_targets.argo.secret_variables import secret_variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.source.model import Needs
    from flowc.source.stack_model import Profile, Stack, StoreSpec
    from flowc.target import Compilation

DEFAULT_IMAGE = f"ghcr.io/flowc-dev/flowc-unit:{__version__}"
PLAN_FOLDER = "/flowc/plan"
PLAN_FILE = f"{PLAN_FOLDER}/plan.json"
"""The shim looks for ``plan.json.gz`` where this is not found."""

WAITING = {"requests": {"cpu": "50m", "memory": "128Mi"}}
"""A container that only waits for a component server."""

USER = 8737
"""Argo's own non-root user: the default executor image would run as root, and refuse to start
under ``runAsNonRoot`` without a number."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PodSettings:
    """What all pods of a flow have in common. ``timed``: the run has a ``timeout``."""

    digest: str
    image: str
    environment: tuple[Document, ...]
    timed: bool = False


def pod_settings(compilation: Compilation, also: Sequence[Compilation] = ()) -> PodSettings:
    """Return what the pods of ``compilation`` have in common.

    ``also``: other flows whose secrets they need.
    """
    stack = compilation.placement.stack
    environment: list[Document] = [
        {"name": "FLOWC_PLAN", "value": PLAN_FILE},
        {"name": "FLOWC_STORE", "value": "{{workflow.parameters.store}}"},
    ]
    if stack.state_store is not None and stack.state_store.options:
        value = "{{workflow.parameters.store-options}}"
        environment.append({"name": "FLOWC_STORE_OPTIONS", "value": value})
    if stack.artifact_store is not None:
        options = options_text(stack.artifact_store)
        environment.append({"name": "FLOWC_ARTIFACTS", "value": stack.artifact_store.url})
        environment.append({"name": "FLOWC_ARTIFACT_OPTIONS", "value": options})
    environment += blob_environment(compilation)
    environment.append({"name": "FLOWC_RUN_NAME", "value": "{{workflow.name}}"})
    environment.append({"name": "FLOWC_DEPLOYMENT", "value": f"argo/{compilation.name}"})
    secrets: dict[str, str] = {}
    for one in (compilation, *also):
        secrets |= secret_environment(one)
    environment += [secret_variable(variable, name) for variable, name in secrets.items()]
    plan = compilation.plan
    timed = plan.timeout is not None
    return PodSettings(plan.digest, unit_image(stack), tuple(environment), timed)


def fixed_settings(settings: PodSettings) -> PodSettings:
    """Return what pods have that are not Argo's own: nothing that Argo would fill in."""
    fixed = tuple(one for one in settings.environment if "{{" not in str(one.get("value")))
    return replace(settings, environment=fixed)


def unit_image(stack: Stack) -> str:
    """Return the image of the units."""
    return DEFAULT_IMAGE if stack.unit_image is None else image_of(stack.unit_image, stack)


def image_of(image: str, stack: Stack) -> str:
    """Return ``image``; one without a host comes from the stack's registry."""
    host = image.partition("/")[0] if "/" in image else ""
    if "." in host or ":" in host or host == "localhost" or not stack.registry:
        return image
    return f"{stack.registry.rstrip('/')}/{image}"


def store_secrets(store: StoreSpec) -> list[Document]:
    """Return the environment variables with the secrets of a store."""
    names = filter(None, map(named_secret, store.options.values()))
    return [secret_variable(environment_name(name), name) for name in names]


def container(
    settings: PodSettings,
    arguments: Sequence[str],
    *,
    with_input: bool,
    verdict_path: str | None,
    needs: Needs | None,
) -> Document:
    """Return the main container of a leaf template."""
    environment = list(settings.environment)
    if with_input:
        for what in ("input", "trigger", "start"):
            value = f"{{{{workflow.parameters.{what}}}}}"
            environment.append({"name": f"FLOWC_RUN_{what.upper()}", "value": value})
        if settings.timed:
            began = "{{workflow.creationTimestamp}}"
            environment.append({"name": "FLOWC_RUN_STARTED", "value": began})
    if verdict_path is not None:
        environment.append({"name": "FLOWC_VERDICT", "value": verdict_path})
    return {
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["flowc-shim"],
        "args": list(arguments),
        "env": environment,
        "resources": resources(needs),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "plan", "mountPath": PLAN_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (an empty volume of the pod's own)
        ],
    }


def volumes(config_map: str) -> list[Document]:
    """Return the volumes that the containers mount."""
    return [
        {"name": "plan", "configMap": {"name": config_map}},
        {"name": "tmp", "emptyDir": {}},
    ]


def security_context() -> Document:
    """Return what holds for all containers of the pods, Argo's own included."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def resources(needs: Needs | None) -> Document:
    """Return requests and limits; None for a container that only waits."""
    if needs is None:
        return {kind: dict(amounts) for kind, amounts in WAITING.items()}
    amounts = _amounts(needs)
    found: Document = {"requests": {**WAITING["requests"], **amounts}}
    return {**found, "limits": amounts} if amounts else found


def requested(needs: Needs | None) -> Document:
    """Return requests and limits of a container that says for itself what it needs."""
    amounts = _amounts(needs) if needs is not None else {}
    return {"requests": amounts, "limits": dict(amounts)} if amounts else {}


def _amounts(needs: Needs) -> dict[str, str]:
    amounts: dict[str, str] = {}
    if needs.cpu is not None:
        amounts["cpu"] = _cpu(needs.cpu)
    if needs.memory is not None:
        amounts["memory"] = _bytes(needs.memory)
    if needs.disk is not None:
        amounts["ephemeral-storage"] = _bytes(needs.disk)
    if needs.gpu:
        amounts["nvidia.com/gpu"] = str(needs.gpu)
    return amounts


def scheduling(profile: Profile | None) -> Document:
    """Return where the pods of a profile may run."""
    if profile is None:
        return {}
    labels = dict(profile.node_selector)
    if profile.machine_type is not None:
        labels.setdefault("node.kubernetes.io/instance-type", profile.machine_type)
    found: Document = {}
    if labels:
        found["nodeSelector"] = labels
    if profile.tolerations:
        found["tolerations"] = [dict(toleration) for toleration in profile.tolerations]
    return found


def _cpu(cores: float) -> str:
    return f"{cores:g}" if cores == int(cores) else f"{round(cores * 1000)}m"


def _bytes(amount: int) -> str:
    for unit, size in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if amount >= size and amount % size == 0:
            return f"{amount // size}{unit}"
    return str(amount)


def store_parameters(compilation: Compilation) -> list[Document]:
    """Return the parameters of a Workflow that say where the state store is."""
    store = compilation.placement.stack.state_store
    if store is None:
        return []
    parameters = [{"name": "store", "value": store.url}]
    if store.options:
        parameters.append({"name": "store-options", "value": options_text(store)})
    return parameters


def options_text(store: StoreSpec) -> str:
    """Return the options of a store as the shim reads them: secrets by their names."""
    return json.dumps(dict(store.options), sort_keys=True)
