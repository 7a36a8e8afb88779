"""Manifests: the WorkflowTemplate, the plan's ConfigMap, and what the pods may do."""

from __future__ import annotations

import base64
import json
import math
import zlib
from typing import TYPE_CHECKING, Any

from flowc_shim.language.canonical import canonical
from flowc_targets._shared.yaml_emitter import emit, emit_documents
from flowc_targets.argo.accounts import account, accounts_of_pods
from flowc_targets.argo.classes.manifests import class_files
from flowc_targets.argo.dags import ENTRY, Dags, build_dags
from flowc_targets.argo.exit_handler import add_exit_handler
from flowc_targets.argo.identity import (
    PLAN,
    base_name,
    labels_of,
    metadata,
)
from flowc_targets.argo.leaves import leaf_template
from flowc_targets.argo.limits import PLAN_READABLE_BYTES, RUN_GRACE_SECONDS
from flowc_targets.argo.places import place_means, place_templates
from flowc_targets.argo.pod_templates import pod_templates, template_names
from flowc_targets.argo.pods import (
    pod_settings,
    security_context,
    store_parameters,
    volumes,
)
from flowc_targets.argo.programs import pods_layout, program_means
from flowc_targets.argo.release import Release
from flowc_targets.argo.schedules import schedules, sweeper

if TYPE_CHECKING:
    from flowc.target import Compilation
    from flowc_shim.contract.plan import Plan

Document = dict[str, Any]

KEPT_SECONDS = 7 * 86400
"""How long Argo keeps a Workflow that has ended, with its pods and their logs; what the run did is
in the state store, and has a retention of its own, beyond which no Workflow is kept either."""


def manifests(compilation: Compilation) -> dict[str, str]:
    """Return file name → text."""
    return {
        name: emit(found[0]) if len(found) == 1 else emit_documents(found)
        for name, found in documents(compilation).items()
    }


def documents(compilation: Compilation) -> dict[str, list[Document]]:
    """Return file name → manifests, in the order in which they can be applied."""
    release = Release(compilation)
    templates = [
        workflow_template(one, dags_of(one, release), release) for one in compilation.family
    ]
    found = {
        **class_files(compilation),
        "rbac.yaml": rbac(compilation),
        "plan.yaml": [plan_config_map(one, release) for one in compilation.family],
        "pods.yaml": [
            found
            for one in compilation.family
            for found in (*pod_templates(one, release), *place_templates(one, release))
        ],
        "detached.yaml": templates[1:],
        "workflow-template.yaml": templates[:1],
        "schedules.yaml": schedules(compilation),
        "sweeper.yaml": sweeper(compilation),
    }
    return {name: found for name, found in found.items() if found}


def dags_of(compilation: Compilation, release: Release) -> Dags:
    """Return the DAG templates of a flow of the release."""
    programs = program_means(compilation, template_names(compilation, release))
    places = place_means(compilation, release)
    means = {**release.starts(compilation), **programs, **places}
    return build_dags(pods_layout(compilation), means)


def _kept_seconds(compilation: Compilation) -> int:
    retention = compilation.placement.stack.retention
    return KEPT_SECONDS if retention is None else min(KEPT_SECONDS, round(retention))


def workflow_template(compilation: Compilation, dags: Dags, release: Release) -> Document:
    """Return the WorkflowTemplate of a flow, or of a detached one of its release.

    The exit handler ends the run: if the entrypoint succeeded and it fails, the Workflow fails
    (``operateWorkflow``: "if main workflow succeeded, but the exit node was unsuccessful"), so that
    Argo's state of a run and the run's own record agree.
    """
    settings = pod_settings(compilation)
    exit_handler = add_exit_handler(dags)
    leaves = list(dags.leaves)
    labels = labels_of(compilation)
    version = {**labels, PLAN: release.digest[:8]}
    own = "" if compilation is release.root else release.digest
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {
            **metadata(compilation, release.template(compilation), plan=own),
            "annotations": _annotations(compilation),
        },
        "spec": {
            "entrypoint": ENTRY,
            "onExit": exit_handler,
            **_deadline(compilation.plan),
            "arguments": {"parameters": _parameters(compilation)},
            "serviceAccountName": base_name(compilation),
            "securityContext": security_context(),
            "workflowMetadata": {"labels": version},
            "podMetadata": {"labels": version},
            "ttlStrategy": {"secondsAfterCompletion": _kept_seconds(compilation)},
            "volumes": volumes(release.plan(compilation)),
            "templates": [
                *dags.templates,
                *(leaf_template(leaf, settings) for leaf in leaves),
            ],
        },
    }


def _deadline(plan: Plan) -> Document:
    """Return the backstop of a run's ``timeout``; Argo starts the exit handler all the same."""
    if plan.timeout is None:
        return {}
    return {"activeDeadlineSeconds": math.ceil(plan.timeout) + RUN_GRACE_SECONDS}


def _annotations(compilation: Compilation) -> dict[str, str]:
    notes = {"flowc.dev/plan": compilation.plan.digest}
    if compilation.program.description:
        notes["workflows.argoproj.io/description"] = compilation.program.description
    if compilation.program.version:
        notes["flowc.dev/version"] = compilation.program.version
    return notes


def _parameters(compilation: Compilation) -> list[Document]:
    """Return what may be given per run; what depends on an account has its default here."""
    given = {"input": "{}", "trigger": "null", "start": "{}"}
    parameters = [{"name": name, "value": value} for name, value in given.items()]
    return parameters + store_parameters(compilation)


def plan_config_map(compilation: Compilation, release: Release) -> Document:
    """Return the immutable ConfigMap that holds the plan."""
    config_map: Document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(compilation, release.plan(compilation), plan=release.digest),
        "immutable": True,
    }
    plan = compilation.plan.to_json()
    if len(canonical(plan)) <= PLAN_READABLE_BYTES:
        config_map["data"] = {"plan.json": json.dumps(plan, indent=1, ensure_ascii=False) + "\n"}
    else:
        packed = base64.b64encode(packed_plan(compilation.plan)).decode()
        config_map["binaryData"] = {"plan.json.gz": packed}
    return config_map


def packed_plan(plan: Plan) -> bytes:
    """Return the plan gzipped, without time, name or system, so that the bytes are its own."""
    body = canonical(plan.to_json())
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(body) + deflate.flush()
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    return header + packed + _little(zlib.crc32(body)) + _little(len(body))


def _little(number: int) -> bytes:
    return (number & 0xFFFFFFFF).to_bytes(4, "little")


def rbac(compilation: Compilation) -> list[Document]:
    """Return the pods' service accounts and the least that each needs."""
    return [
        document
        for name, rules in accounts_of_pods(compilation)
        for document in account(compilation, name, rules)
    ]
