"""Steps in several places at once: which units have them, and the pods of the places.

The places of a call are the pods of a JobSet, which the unit's process makes from a PodTemplate and
leads (decision 0034). What the step asks for belongs to these pods; the unit's own only waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_targets.argo.identity import base_name, metadata, places_name
from flowc_targets.argo.means import PLACES, Means
from flowc_targets.argo.pods import (
    container,
    fixed_settings,
    pod_settings,
    scheduling,
    security_context,
    volumes,
)
from flowc_targets.argo.template_objects import template_name, template_objects

if TYPE_CHECKING:
    from flowc.ir.layout import Unit
    from flowc.target import Compilation
    from flowc_targets.argo.release import Release

Document = dict[str, Any]

VARIABLE = "FLOWC_PLACES"


def units_in_places(compilation: Compilation) -> dict[str, Unit]:
    """Return the units that run in several places, by their ids."""
    units = compilation.layout.units
    return {name: unit for name, unit in units.items() if unit.locations is not None}


def has_places(compilation: Compilation) -> bool:
    """Whether a flow of the release has such a unit."""
    return any(units_in_places(one) for one in compilation.family)


def place_templates(compilation: Compilation, release: Release) -> list[Document]:
    """Return the PodTemplates of places: one for all units that ask for the same."""
    named = dict(_named_templates(compilation, release).values())
    return template_objects(named, compilation, release)


def place_means(compilation: Compilation, release: Release) -> dict[str, Means]:
    """Return how each unit in several places has them started."""
    account = places_name(compilation)
    return {
        unit: Means(PLACES, account, VARIABLE, name, owns=True)
        for unit, (name, _) in _named_templates(compilation, release).items()
    }


def _named_templates(compilation: Compilation, release: Release) -> dict[str, tuple[str, Document]]:
    """Return the PodTemplate of each unit's places, with its name."""
    found = {}
    for id, unit in units_in_places(compilation).items():
        template = _template(unit, compilation, release)
        found[id] = template_name(template, "places", compilation), template
    return found


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
