"""PodTemplates: the pods that units make for the programs of component classes.

They are objects of the release as its plan is, so that the API checks them when they are applied,
and what a run makes is what was reviewed. A unit's process adds which call it is for
(:mod:`flowc_shim.runner.pod_document`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_shim.components.command_contract import contract_paths
from flowc_shim.contract.secrets import named_secret
from flowc_shim.engines.pod_state import COLLECT, PROGRAM, STAGE
from flowc_shim.engines.pod_words import unexpanded
from flowc_targets.argo.classes.objects import CONTAINER_SECURITY
from flowc_targets.argo.identity import base_name, metadata
from flowc_targets.argo.pods import (
    USER,
    fixed_settings,
    image_of,
    pod_settings,
    resources,
    scheduling,
)
from flowc_targets.argo.programs import programs_of
from flowc_targets.argo.secret_variables import secret_variable
from flowc_targets.argo.template_objects import template_name, template_objects

if TYPE_CHECKING:
    from flowc.target import Compilation
    from flowc_shim.contract.json_types import Json
    from flowc_targets.argo.pods import PodSettings
    from flowc_targets.argo.programs import Program
    from flowc_targets.argo.release import Release

Document = dict[str, Any]

FOLDER = "/flowc"
"""Where the program finds its folder; the helpers have it there too."""

PLAN = "/plan"
GRACE_SECONDS = 10
"""What a program that has to end is given to do so."""

SKIP = "eks.amazonaws.com/skip-containers"
"""The credentials that EKS gives the pods of an account are for the helpers
(https://github.com/aws/amazon-eks-pod-identity-webhook)."""


def template_names(compilation: Compilation, release: Release) -> dict[Program, str]:
    """Return the name of each program's PodTemplate."""
    return {program: name for program, (name, _) in _named(compilation, release).items()}


def pod_templates(compilation: Compilation, release: Release) -> list[Document]:
    """Return the PodTemplates of a flow, one of each."""
    named = dict(_named(compilation, release).values())
    return template_objects(named, compilation, release)


def _named(compilation: Compilation, release: Release) -> dict[Program, tuple[str, Document]]:
    found: dict[Program, tuple[str, Document]] = {}
    for programs in programs_of(compilation).values():
        for program in programs:
            if program not in found:
                template = _template(program, compilation, release)
                word = program.image.component.strip("/")
                found[program] = template_name(template, word, compilation), template
    return found


def _template(program: Program, compilation: Compilation, release: Release) -> Document:
    settings = pod_settings(compilation)
    own = metadata(compilation, "")["labels"]
    return {
        "metadata": {"labels": own, "annotations": {SKIP: PROGRAM}},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": base_name(compilation),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            # What the program writes belongs to a group that `collect` is in.
            "securityContext": {"fsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"}},
            **scheduling(program.profile),
            "initContainers": [_helper(STAGE, settings)],
            "containers": [_program(program, compilation), _helper(COLLECT, settings)],
            "volumes": [
                {"name": "flowc", "emptyDir": {}},
                {"name": "plan", "configMap": {"name": release.plan(compilation)}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }


def _program(program: Program, compilation: Compilation) -> Document:
    """Return the program's container, which has nothing of the shim's: no store, no token."""
    own = program.image
    found: Document = {
        "name": PROGRAM,
        "image": image_of(own.image, compilation.placement.stack),
        "imagePullPolicy": "IfNotPresent",
    }
    for key, words in (("command", own.command), ("args", own.args)):
        if words:
            found[key] = [unexpanded(word) for word in words]
    paths = [{"name": name, "value": value} for name, value in contract_paths(FOLDER).items()]
    return {
        **found,
        "env": [*(_variable(name, value) for name, value in own.env.items()), *paths],
        "resources": resources(program.needs),
        # The last lines of one that fails, if its log cannot be read.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": "flowc", "mountPath": FOLDER}],
    }


def _variable(name: str, value: Json) -> Document:
    secret = named_secret(value)
    if secret is not None:
        return secret_variable(name, secret)
    return {"name": name, "value": unexpanded(str(value))}


def _helper(name: str, settings: PodSettings) -> Document:
    """Return the container that brings the program's folder, or takes what is in it."""
    given = list(fixed_settings(settings).environment)
    given[0] = {"name": "FLOWC_PLAN", "value": f"{PLAN}/plan.json"}
    return {
        "name": name,
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["flowc-shim"],
        "args": [name, f"--plan={settings.digest}", f"--folder={FOLDER}"],
        "env": given,
        "resources": resources(None),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            **CONTAINER_SECURITY,
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "flowc", "mountPath": FOLDER},
            {"name": "plan", "mountPath": PLAN, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (an empty volume of the pod's own)
        ],
    }
