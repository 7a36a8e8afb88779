"""CronWorkflows: one per trigger of the flow, and the sweeper's."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from flowc.source.cron import parse_cron
from flowc_shim.contract.trigger import schedule_trigger
from flowc_targets._shared.names import object_name
from flowc_targets.argo.accounts import FIND_RUNS, REPORT_RESULTS, account
from flowc_targets.argo.identity import (
    ROLE,
    base_name,
    labels_of,
    metadata,
    plan_name,
    sweeper_name,
)
from flowc_targets.argo.limits import OBJECT_NAME
from flowc_targets.argo.pods import (
    container,
    pod_settings,
    security_context,
    store_parameters,
    volumes,
)

if TYPE_CHECKING:
    from flowc.source.project_model import Trigger
    from flowc.target import Compilation
    from flowc_targets.argo.identity import Document

SCHEDULED_TIME = "{{workflow.scheduledTime}}"
CATCH_UP_SECONDS = 600
"""How late a run may still be started if Argo's controller was away when it was due."""

KEPT = 10
"""Finished Workflows of a schedule that Argo keeps; what they did is in the state store."""

SWEEP_MINUTES = 10


def schedules(compilation: Compilation) -> list[Document]:
    """Return a CronWorkflow per trigger.

    They are called by their position, so that a new time changes an object and makes no second one,
    which would fire beside the first until that is deleted.
    """
    return [
        _schedule(compilation, trigger, number)
        for number, trigger in enumerate(compilation.triggers, 1)
    ]


def _schedule(compilation: Compilation, trigger: Trigger, number: int) -> Document:
    base = base_name(compilation)
    name = base if number == 1 else object_name(f"{base}-{number}", OBJECT_NAME)
    zone = trigger.timezone.value if trigger.timezone else "UTC"
    given = schedule_trigger("\0", zone, trigger.input)
    # a user's text is not expanded, the time is
    text = escaped(json.dumps(given, ensure_ascii=False)).replace("\\u0000", SCHEDULED_TIME)
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": metadata(compilation, name, "schedule"),
        "spec": {
            "schedules": [parse_cron(trigger.cron.value).text()],
            "timezone": zone,
            "concurrencyPolicy": "Allow",
            "startingDeadlineSeconds": CATCH_UP_SECONDS,
            "successfulJobsHistoryLimit": KEPT,
            "failedJobsHistoryLimit": KEPT,
            "workflowMetadata": {"labels": labels_of(compilation)},
            "workflowSpec": {
                "workflowTemplateRef": {"name": base},
                "arguments": {"parameters": [{"name": "trigger", "value": text}]},
            },
        },
    }


def escaped(text: str) -> str:
    """Return JSON in which Argo finds no template: it expands parameters' values once more."""
    return text.replace("{{", "{\\u007b")


def sweeper(compilation: Compilation) -> list[Document]:
    """Return the CronWorkflow that records how runs ended that ended without their exit handler."""
    name = sweeper_name(compilation)
    labels = {**labels_of(compilation), "app.kubernetes.io/name": name, ROLE: "sweeper"}
    settings = pod_settings(compilation, compilation.family[1:])
    arguments = ["sweep", f"--plan={settings.digest}", "--engine=kubernetes"]
    retention = compilation.placement.stack.retention
    if retention is not None:
        arguments.append(f"--retention={retention:.0f}")
    pod = container(settings, arguments, with_input=False, verdict_path=None, needs=None)
    spec: Document = {
        "entrypoint": "sweep",
        "arguments": {"parameters": store_parameters(compilation)},
        "serviceAccountName": name,
        "securityContext": security_context(),
        "podMetadata": {"labels": labels},
        "activeDeadlineSeconds": SWEEP_MINUTES * 60,
        "volumes": volumes(plan_name(compilation)),
        "templates": [{"name": "sweep", "container": pod}],
    }
    return [
        *account(compilation, name, [REPORT_RESULTS, FIND_RUNS]),
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "CronWorkflow",
            "metadata": metadata(compilation, name, "sweeper"),
            "spec": {
                "schedules": [_every(name)],
                "timezone": "UTC",
                "concurrencyPolicy": "Forbid",
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 1,
                "workflowMetadata": {"labels": labels},
                "workflowSpec": spec,
            },
        },
    ]


def _every(name: str) -> str:
    """Return when to sweep: not all deployments in the same minute."""
    first = int(hashlib.sha256(name.encode()).hexdigest(), 16) % SWEEP_MINUTES
    return f"{','.join(str(minute) for minute in range(first, 60, SWEEP_MINUTES))} * * * *"
