"""Steps in several places at once: which units have them, and the pods of the places.

The places of a call are the pods of a JobSet, which the unit's process makes from a PodTemplate and
leads (decision 0034). What the step asks for belongs to these pods; the unit's own only waits.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from flowc_targets._shared.names import object_name
from flowc_targets.argo.identity import base_name, metadata, places_name
from flowc_targets.argo.limits import OBJECT_NAME
from flowc_targets.argo.means import PLACES, Means
from flowc_targets.argo.pods import (
    container,
    fixed_settings,
    pod_settings,
    scheduling,
    security_context,
    volumes,
)

if TYPE_CHECKING:
    from flowc.ir.layout import Unit
    from flowc.target import Compilation
    from flowc_targets.argo.release import Release

Document = dict[str, Any]

VARIABLE = "FLOWC_PLACES"
_DIGITS = 8
_BASE = OBJECT_NAME - len("-places-") - _DIGITS


def units_in_places(compilation: Compilation) -> dict[str, Unit]:
    """Return the units that run in several places, by their ids."""
    units = compilation.layout.units
    return {name: unit for name, unit in units.items() if unit.locations is not None}


def has_places(compilation: Compilation) -> bool:
    """Whether a flow of the release has such a unit."""
    return any(units_in_places(one) for one in compilation.family)


def place_templates(compilation: Compilation, release: Release) -> list[Document]:
    """Return the PodTemplates of places: one for all units that ask for the same."""
    found = {}
    for unit in units_in_places(compilation).values():
        template = _template(unit, compilation, release)
        found[_name(template, compilation)] = template
    return [
        {
            "apiVersion": "v1",
            "kind": "PodTemplate",
            "metadata": metadata(compilation, name, plan=release.digest),
            "template": found[name],
        }
        for name in sorted(found)
    ]


def place_means(compilation: Compilation, release: Release) -> dict[str, Means]:
    """Return how each unit in several places has them started."""
    return {
        name: Means(
            PLACES,
            places_name(compilation),
            VARIABLE,
            _name(_template(unit, compilation, release), compilation),
            owns=True,
        )
        for name, unit in units_in_places(compilation).items()
    }


def _name(template: Document, compilation: Compilation) -> str:
    """Return the name of a PodTemplate: by what it says, as a plan's is."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()
    return f"{object_name(base_name(compilation), _BASE)}-places-{digest[:_DIGITS]}"


def _template(unit: Unit, compilation: Compilation, release: Release) -> Document:
    """Return the pod of a place: that of the unit, without the rights and the word of one."""
    settings = fixed_settings(pod_settings(compilation))
    place = container(settings, (), with_input=False, verdict_path=None, needs=unit.needs)
    del place["args"]  # those of the process that leads
    address = {"fieldRef": {"fieldPath": "status.podIP"}}
    place["env"] = [*place["env"], {"name": "FLOWC_HOST", "valueFrom": address}]
    return {
        "metadata": {"labels": metadata(compilation, "")["labels"]},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": base_name(compilation),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": security_context(),
            **scheduling(unit.profile),
            "containers": [{"name": "main", **place}],
            "volumes": volumes(release.plan(compilation)),
        },
    }
