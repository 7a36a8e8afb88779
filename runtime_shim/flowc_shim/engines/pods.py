"""Pods: made from the PodTemplates that a deployment has, looked at, and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, urlencode

from flowc_shim.engines.kube_api import inside

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.engines.kube_api import KubeApi

SILENCE_SECONDS = 60.0
"""How long a log may be silent before it is asked for again."""


class Pods:
    """The pods of one namespace; all of it raises EngineUnavailable, and Refused where it says."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._root = f"/api/v1/namespaces/{quote(api.namespace)}"

    def template(self, name: str) -> Any:
        """Return a PodTemplate's template, None if there is none of this name."""
        found = self._api.ask(f"{self._root}/podtemplates/{quote(name)}", but=404)
        return None if found is None else found["template"]

    def create(self, pod: dict[str, Json]) -> None:
        """Create a pod; one of this name that is there is it. Raises Refused."""
        self._api.ask(f"{self._root}/pods", pod, but=409)

    def get(self, name: str) -> Any:
        """Return a pod, None if there is none of this name."""
        return self._api.ask(self._path(name), but=404)

    def selected(self, selector: str) -> list[Any]:
        """Return the pods that a selector of labels selects."""
        found = self._api.ask(f"{self._root}/pods?{urlencode({'labelSelector': selector})}")
        return list(found.get("items") or ())

    def delete(self, name: str) -> bool:
        """Have a pod end, within the grace that it has; return whether there was one."""
        return self._api.ask(self._path(name), method="DELETE", but=404) is not None

    def log(self, name: str, container: str, since: str) -> BinaryIO:
        """Return the lines of a container until it ends, each with its time; raises Refused.

        ``since``: a time before which none is wanted, or nothing.
        """
        asked = {"container": container, "follow": "true", "timestamps": "true"}
        if since:
            asked["sinceTime"] = since
        path = f"{self._path(name)}/log?{urlencode(asked)}"
        return self._api.open(path, timeout=SILENCE_SECONDS)

    def _path(self, name: str) -> str:
        return f"{self._root}/pods/{quote(name)}"


def pods_here() -> Pods:
    """Return the pods of the namespace that this one is in; raises EngineUnavailable."""
    return Pods(inside())
