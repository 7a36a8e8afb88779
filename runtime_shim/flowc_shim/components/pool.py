"""The clients of a plan's component classes, opened when first used and closed together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from flowc_shim.components.clients import open_client
from flowc_shim.components.code_version import code_version
from flowc_shim.contract.errors import final_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.components.api import ComponentClient
    from flowc_shim.contract.json_types import Json


class ClientPool:
    """Clients by class name; safe to use from several threads."""

    def __init__(
        self,
        classes: Mapping[str, Mapping[str, Json]],
        *,
        blob_api_url: str | None = None,
        working_directory: str = ".",
    ) -> None:
        self._classes = classes
        self._blob_api_url = blob_api_url
        self._working_directory = working_directory
        self._open: dict[str, ComponentClient] = {}
        self._lock = threading.Lock()

    def client(self, name: str) -> ComponentClient:
        """Return the client of class ``name``; raises FlowError ``CONFIGURATION``."""
        with self._lock:
            if name not in self._open:
                if name not in self._classes:
                    raise final_error("CONFIGURATION", f"the plan has no component class `{name}`")
                self._open[name] = open_client(
                    name,
                    dict(self._classes[name]),
                    blob_api_url=self._blob_api_url,
                    working_directory=str(
                        self._classes[name].get("working_directory") or self._working_directory
                    ),
                )
            return self._open[name]

    def code_version(self, name: str, component: str) -> str:
        """Return what can be told here of the code of a component: part of the keys of caches."""
        config = self._classes.get(name, {})
        folder = str(config.get("working_directory") or self._working_directory)
        return code_version(config, component, folder)

    def close(self) -> None:
        """Close every client that was opened."""
        with self._lock:
            clients, self._open = list(self._open.values()), {}
        for client in clients:
            client.close()
