"""The keys of StreamFlow files, and what each of its connectors means here."""

from __future__ import annotations

from dataclasses import dataclass

from flowc.diagnostics import codes
from flowc.source.fields import (
    ANYTHING,
    BOOLEAN,
    LIST,
    MAPPING,
    NAME,
    POSITIVE,
    Key,
    Refusal,
    Shape,
    one_of,
)
from flowc.source.port_bindings import PORT_KEYS
from flowc.source.stack_tables import STACK

VERSION = "v1.0"
OWN_KEYS = tuple(key for key in STACK.keys if key not in ("deployments", "bindings", "plugins"))
"""Keys of flowc's own stacks that a StreamFlow file may have beside its own."""

WITHOUT_EFFECT = {
    "scheduling": "the target's engine schedules",
    "failureManager": "write `retry` on the steps of the flow",
    "checkpointManager": "what a step committed is its checkpoint",
    "database": "runs are recorded in `state_store`",
    "dataManager": "data travel through the artifact store",
    "deploymentManager": "there is one",
    "bindingFilters": "a binding has one target",
}
"""Sections of a file that say nothing here, and what does."""

FILE = Shape(
    "a StreamFlow file",
    {
        "version": Key(one_of(VERSION), required=True),
        "workflows": Key(MAPPING),
        "deployments": Key(MAPPING),
        "models": Key(MAPPING),
        "plugins": Key(MAPPING),
        **{key: Key(STACK.keys[key].kind, nullable=STACK.keys[key].nullable) for key in OWN_KEYS},
        **{key: Key(ANYTHING, nullable=True) for key in WITHOUT_EFFECT},
    },
)
WORKFLOW = Shape(
    "a workflow",
    {
        "type": Key(one_of("cwl", "flowc"), required=True),
        "config": Key(MAPPING),
        "bindings": Key(LIST),
    },
)
_FILTERS = {
    "filters": Refusal(
        codes.UNSUPPORTED,
        "choose among targets while a workflow runs, and a step has one here",
        "leave them out",
    )
}
BINDING = Shape(
    "a binding",
    {"step": Key(NAME, required=True), "target": Key(ANYTHING, required=True)},
    _FILTERS,
)
PORT = Shape(
    "a binding of a port", {**PORT_KEYS, "data": Key(NAME), "target": Key(ANYTHING)}, _FILTERS
)
TARGET = Shape(
    "a target",
    {
        "deployment": Key(NAME),
        "model": Key(NAME),
        "service": Key(NAME),
        "locations": Key(POSITIVE),
        "resources": Key(POSITIVE),
        "workdir": Key(NAME),
    },
)
DEPLOYMENT = Shape(
    "a deployment",
    {
        "type": Key(NAME, required=True),
        "config": Key(MAPPING, nullable=True),
        "external": Key(BOOLEAN),
        "lazy": Key(BOOLEAN),
        "scheduling_policy": Key(ANYTHING),
        "workdir": Key(NAME),
    },
    {
        "wraps": Refusal(
            codes.UNSUPPORTED,
            "puts one environment into another, which no engine's containers do",
            "name the inner environment alone",
        )
    },
)


@dataclass(frozen=True, slots=True)
class Connector:
    """What a connector does, and what to write instead.

    ``served``: whether it comes up as the class that ``plugins`` name for its service.
    """

    what: str
    hint: str
    served: bool = True


_PLUGIN = "write in `plugins` what serves it: `{name}: {{type: stepflow, deploy: {{image}}}}`"
_QUEUE = Connector(
    "submits to a queue manager, which neither Argo Workflows nor AWS can",
    "let a component server run there, write `external: true`, "
    "and in `plugins` `{name}: {{type: stepflow, url}}`",
    served=False,
)
CONNECTORS = {
    "local": Connector("is this machine", ""),
    "docker": Connector("starts a container on one machine", _PLUGIN),
    "docker-compose": Connector("starts services on one machine from a file of theirs", _PLUGIN),
    "singularity": Connector("starts a container on one machine", _PLUGIN),
    "kubernetes": Connector("applies manifests of yours", _PLUGIN),
    "helm": Connector("installs a chart of yours", _PLUGIN),
    "helm3": Connector("installs a chart of yours", _PLUGIN),
    "helm4": Connector("installs a chart of yours", _PLUGIN),
    "slurm": _QUEUE,
    "pbs": _QUEUE,
    "flux": _QUEUE,
    "ssh": Connector(
        "logs in to single machines, which no engine's containers do", _QUEUE.hint, served=False
    ),
}
