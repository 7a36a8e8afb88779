"""Starting a run as a Workflow of Argo, from inside the cluster; one of that name is that run."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.errors import platform_error
from flowc_shim.engines.api import EngineUnavailable
from flowc_shim.engines.kube_api import inside
from flowc_shim.engines.kubernetes import Kubernetes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.json_types import Json


def start_workflow(how: dict[str, Any], name: str, trigger: dict[str, Json]) -> None:
    """Create a Workflow of ``how["template"]`` with ``how["labels"]``; raises FlowError."""
    try:
        Kubernetes(inside()).create(workflow(how, name, trigger, os.environ))
    except EngineUnavailable as error:
        raise platform_error("ENGINE_UNAVAILABLE", str(error)) from error


def workflow(
    how: dict[str, Any], name: str, trigger: dict[str, Json], env: Mapping[str, str]
) -> dict[str, Any]:
    """Return the Workflow, which has the state store of the run that starts it."""
    given = {"trigger": json.dumps(trigger), "store": env["FLOWC_STORE"]}
    if "FLOWC_STORE_OPTIONS" in env:
        given["store-options"] = env["FLOWC_STORE_OPTIONS"]
    parameters = [{"name": key, "value": value} for key, value in given.items()]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "labels": how["labels"]},
        "spec": {
            "workflowTemplateRef": {"name": how["template"]},
            "arguments": {"parameters": parameters},
        },
    }
