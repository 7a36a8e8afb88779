"""A task of several containers: each a process, started and ended in the order that ECS keeps.

A container waits for those that it depends on (START, COMPLETE, SUCCESS), and does so for ever if
one did not end as it should. When an essential one ends, the others are told to end too. Volumes
are folders, the same for all: where a container has one mounted, its path stands in the container's
words and variables in place of the mount's.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from tests.engines.step_functions.processes import Process, Processes

if TYPE_CHECKING:
    from collections.abc import Mapping

STOP_SECONDS = 2.0
_BARE = ("PATH", "LANG")
"""What an image would have of its own."""


class ContainerTask:
    """One task; ``states``: by container, what the metadata endpoint and DescribeTasks say."""

    def __init__(
        self,
        definition: Mapping[str, Any],
        overrides: Mapping[str, Any],
        processes: Processes,
        own: tuple[str, Mapping[str, str]],
        metadata: str,
    ) -> None:
        """``own``: the process of units, as which the essential container counts, and its
        environment; ``metadata``: the endpoint's address."""
        self.states = {
            one["name"]: {"Name": one["name"], "KnownStatus": "PENDING"}
            for one in definition["containerDefinitions"]
        }
        self.processes: dict[str, Process] = {}
        self._containers = {one["name"]: one for one in definition["containerDefinitions"]}
        self._overrides = overrides
        self._run = processes.run
        self._own_name, self._own_environment = own
        self._metadata = metadata
        names = [volume["name"] for volume in definition.get("volumes") or ()]
        self._volumes = {name: tempfile.mkdtemp(prefix="flowc-volume-") for name in names}
        self._changed = threading.Condition()
        self._stopping = False
        self._errors: list[Exception] = []

    def run(self) -> None:
        """Run the task to its end; raises what went wrong in here."""
        threads = [
            threading.Thread(target=self._container, args=(name,), daemon=True)
            for name in self._containers
        ]
        for thread in threads:
            thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._stopping)
        for process in self.processes.values():
            process.end(STOP_SECONDS)
        for thread in threads:
            thread.join()
        for folder in self._volumes.values():
            shutil.rmtree(folder, ignore_errors=True)
        if self._errors:
            raise self._errors[0]

    def stop(self) -> None:
        """End the task."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _container(self, name: str) -> None:
        container = self._containers[name]
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._may_start(container))
                if self._stopping:
                    self._say(name, KnownStatus="STOPPED")
                    return
                process = self._process(name, container)
                self._say(name, KnownStatus="RUNNING")
            self._run(
                process, self._words(name, container), self._environment(name, container),
                beside=not container["essential"], bare=name == "program",
            )  # fmt: skip
            code = process.exit_code or 0
            self._say(name, KnownStatus="STOPPED", ExitCode=128 - code if code < 0 else code)
        except Exception as error:
            self._errors.append(error)
            self.stop()
        if container["essential"]:
            self.stop()

    def _process(self, name: str, container: Mapping[str, Any]) -> Process:
        kind = "ecs" if container["essential"] else f"ecs:{name}"
        self.processes[name] = Process(kind, self._own_name, self._overrides.get(name))
        return self.processes[name]

    def _say(self, name: str, **state: Any) -> None:
        with self._changed:
            self.states[name] = {**self.states[name], **state}
            self._changed.notify_all()

    def _may_start(self, container: Mapping[str, Any]) -> bool:
        return all(self._holds(one) for one in container.get("dependsOn") or ())

    def _holds(self, dependency: Mapping[str, str]) -> bool:
        state, wanted = self.states[dependency["containerName"]], dependency["condition"]
        if wanted == "START":
            return state["KnownStatus"] != "PENDING"
        ended = state["KnownStatus"] == "STOPPED"
        return ended if wanted == "COMPLETE" else ended and state.get("ExitCode") == 0

    def _words(self, name: str, container: Mapping[str, Any]) -> list[str]:
        asked = (self._overrides.get(name) or {}).get("command") or container.get("command") or []
        words = [*(container.get("entryPoint") or []), *asked]
        if words[0] == "flowc-shim":
            words = [sys.executable, "-m", "flowc_shim", *words[1:]]
        return [self._seen(word, container) for word in words]

    def _environment(self, name: str, container: Mapping[str, Any]) -> dict[str, str]:
        given = {name: os.environ[name] for name in _BARE if name in os.environ}
        if container["essential"]:
            own = self._own_environment
            given |= {name: self._seen(own[name], container) for name in own}
        overridden = (self._overrides.get(name) or {}).get("environment") or []
        told = {
            one["name"]: self._seen(one["value"], container)
            for one in [*(container.get("environment") or []), *overridden]
        }
        # what somebody who tests says comes last, as it does for other tasks
        given = {**told, **given}
        return {**given, "ECS_CONTAINER_METADATA_URI_V4": f"{self._metadata}/{name}"}

    def _seen(self, text: str, container: Mapping[str, Any]) -> str:
        for mount in container.get("mountPoints") or ():
            path, folder = mount["containerPath"], self._volumes[mount["sourceVolume"]]
            if text == path or text.startswith(f"{path}/"):
                return folder + text[len(path) :]
        return text
