"""PodTemplates as objects of a release: named by what they say, as a plan's ConfigMap is."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from flowc_targets._shared.names import object_name
from flowc_targets.argo.identity import base_name, metadata
from flowc_targets.argo.limits import OBJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.target import Compilation
    from flowc_targets.argo.release import Release

Document = dict[str, Any]

_DIGITS = 8


def template_name(template: Document, word: str, compilation: Compilation) -> str:
    """Return the name of a PodTemplate; ``word``: what its pods are."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()
    name = object_name(f"{base_name(compilation)}-{word}", OBJECT_NAME - _DIGITS - 1)
    return f"{name}-{digest[:_DIGITS]}"


def template_objects(
    templates: Mapping[str, Document], compilation: Compilation, release: Release
) -> list[Document]:
    """Return the PodTemplates, by their names."""
    return [
        {
            "apiVersion": "v1",
            "kind": "PodTemplate",
            "metadata": metadata(compilation, name, plan=release.digest),
            "template": templates[name],
        }
        for name in sorted(templates)
    ]
