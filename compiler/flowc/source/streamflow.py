"""StreamFlow files: known by their shape, and refused by line with what to write in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.source.located import Map

if TYPE_CHECKING:
    from flowc.source.fields import Decoding

VERSION = "v1.0"
_SECTIONS = ("workflows", "deployments", "models")
_QUEUES = "is a queue manager, and neither Argo Workflows nor AWS can submit to one"
_LET_IT_SERVE = "let a component server run there, and give its `url`"
CONNECTORS = {
    "slurm": (_QUEUES, _LET_IT_SERVE),
    "pbs": (_QUEUES, _LET_IT_SERVE),
    "flux": (_QUEUES, _LET_IT_SERVE),
    "ssh": ("reaches single machines, which no engine's containers do", _LET_IT_SERVE),
    "singularity": (
        "starts containers on one machine",
        "write `type: container` with the image",
    ),
    "docker": ("starts containers on one machine", "write `type: container` with the image"),
    "docker-compose": (
        "starts services on one machine",
        "write `type: stepflow` with `command`, or with `deploy` on Argo",
    ),
    "kubernetes": ("applies manifests of yours", "write `type: stepflow` with `deploy`, or `url`"),
    "helm": ("installs a chart of yours", "install it, and give the `url` of its service"),
    "local": ("is this machine", "write `target: local`"),
}


def is_streamflow(root: Map) -> bool:
    """Whether a file is StreamFlow's: a version of its kind, and a section of its own."""
    version = root.get("version")
    named = isinstance(version, str) and version.startswith("v")
    return named and any(section in root for section in _SECTIONS)


def refuse_streamflow(root: Map, decoding: Decoding) -> None:
    """Report the file, and each deployment at its line with the way out for its connector."""
    decoding.report(
        codes.NOT_BUILT_YET,
        "this is a StreamFlow file, and reading those is not built yet",
        root.value("version"),
        hint="write a stack: component classes in `plugins`, and `routes` to them",
    )
    for section in ("deployments", "models"):
        deployments = root.get(section)
        for name, deployment in deployments.items() if isinstance(deployments, Map) else ():
            kind = deployment.get("type") if isinstance(deployment, Map) else None
            known = CONNECTORS.get(kind.rstrip("34")) if isinstance(kind, str) else None
            if known is not None:
                reason, hint = known
                at = deployment.value("type")
                message = f"deployment `{name}`: `{kind}` {reason}"
                decoding.report(codes.NOT_BUILT_YET, message, at, hint=hint)
