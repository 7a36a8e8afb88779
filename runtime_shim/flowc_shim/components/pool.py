"""The clients of a plan's component classes, opened when first used and closed together."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from flowc_shim.components.api import OneCall, Server
from flowc_shim.components.clients import open_client
from flowc_shim.components.code_version import code_version
from flowc_shim.contract.errors import final_error
from flowc_shim.contract.secrets import SecretMissing, reveal_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.components.api import ComponentClient
    from flowc_shim.contract.json_types import Json


class ClientPool:
    """Clients by class name; safe to use from several threads.

    Classes may be services of one deployment (``deployment`` in their configuration). Those come up
    together, before the first call of any, and are closed together.
    """

    def __init__(
        self,
        classes: Mapping[str, Mapping[str, Json]],
        *,
        blob_api_url: str | None = None,
        working_directory: str = ".",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """``environ``: where the secrets of classes are, this process's own without it."""
        self._classes = classes
        self._blob_api_url = blob_api_url
        self._working_directory = working_directory
        self._environ = os.environ if environ is None else environ
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
                    self._config(name),
                    blob_api_url=self._blob_api_url,
                    working_directory=str(
                        self._classes[name].get("working_directory") or self._working_directory
                    ),
                )
            return self._open[name]

    def bring_up(self, name: str, cancelled: threading.Event) -> ComponentClient:
        """Return the client of ``name`` with all services of its deployment running.

        Raises FlowError ``CONFIGURATION``, and what a service raises that cannot be started.
        """
        for service in self._services(self._classes.get(name, {}).get("deployment")):
            client = self.client(service)
            if isinstance(client, Server):
                client.bring_up(cancelled)
        return self.client(name)

    def used_up(self, name: str) -> bool:
        """Whether class ``name`` cannot be called again by this process."""
        with self._lock:
            client = self._open.get(name)
        return isinstance(client, OneCall) and client.used_up

    def take_down(self, deployment: str) -> None:
        """Close the clients of a deployment's services; a call brings them up again."""
        with self._lock:
            names = [name for name in self._services(deployment) if name in self._open]
            clients = [self._open.pop(name) for name in names]
        for client in clients:
            client.close()

    def _services(self, deployment: Json) -> list[str]:
        if deployment is None:
            return []
        return [n for n, config in self._classes.items() if config.get("deployment") == deployment]

    def code_version(self, name: str, component: str) -> str:
        """Return what can be told here of the code of a component: part of the keys of caches."""
        config = self._classes.get(name, {})
        folder = str(config.get("working_directory") or self._working_directory)
        return code_version(config, component, folder)

    def _config(self, name: str) -> dict[str, Any]:
        try:
            return reveal_class(self._classes[name], self._environ)
        except SecretMissing as error:
            raise final_error("CONFIGURATION", f"component class `{name}`: {error}") from error

    def close(self) -> None:
        """Close every client that was opened."""
        with self._lock:
            clients, self._open = list(self._open.values()), {}
        for client in clients:
            client.close()
