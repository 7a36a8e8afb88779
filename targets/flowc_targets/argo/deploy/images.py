"""The images that a deployment's pods pull: are they anywhere?"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from flowc_targets._shared.registries.manifests import Registries, check_images
from flowc_targets._shared.registries.reference import reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc.deploy.model import Desired
    from flowc.deploy.provider import Problem
    from flowc_targets._shared.registries.reference import Reference
    from flowc_targets.argo.deploy.connection import Connection


def images(connection: Connection, desired: Sequence[Desired]) -> Iterator[Problem]:
    """Report images that are in no registry and on no node, as far as this user may look."""

    @cache
    def on_nodes() -> frozenset[Reference]:
        return _on_nodes(connection)

    found = wanted_images(desired)
    return check_images(found, Registries(), lambda image: reference(image) in on_nodes())


def wanted_images(desired: Sequence[Desired]) -> set[str]:
    """Return the images that pods pull of what is deployed."""
    return {image for one in desired for image in _images(dict(one.body))}


def _images(node: Any) -> Iterator[str]:
    """Yield the image of every container in a document; those that no pod pulls are left out."""
    if isinstance(node, dict):
        image = node.get("image")
        named = isinstance(image, str) and "{{" not in image
        if named and node.get("imagePullPolicy") != "Never":
            yield str(image)
    members = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for value in members:
        yield from _images(value)


def _on_nodes(connection: Connection) -> frozenset[Reference]:
    """Return the images that nodes say they have; a kubelet names its fifty largest."""
    answer = connection.ask("GET", "/api/v1/nodes")
    if answer.status != 200:
        return frozenset()
    return frozenset(
        reference(name)
        for node in answer.body.get("items", [])
        for image in (node.get("status") or {}).get("images") or ()
        for name in image.get("names") or ()
    )
