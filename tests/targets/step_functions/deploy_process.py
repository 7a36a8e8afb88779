"""Deployments in processes of their own, which die at one of their calls.

Reads lines of JSON: ``{"kill": "7-before", "flow": text, "stack": text, "undeploy": false}``, where
``kill`` is the number of the writing call at which the deployment dies, before it is sent or after
it was answered; empty for one that lives. Answers ``{"calls": […], "status": exit status}``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from tests.targets.step_functions.clouds import Session, deploy, provider
from tests.targets.step_functions.flows import compiled

READS = ("Get", "List", "Describe", "Head", "Filter", "Simulate")


class Doomed(Session):
    """A session that tells of writing calls and dies at one of them."""

    def __init__(self, endpoint: str, kill: str, tell: int) -> None:
        super().__init__(endpoint)
        self._kill = kill
        self._tell = tell
        self._calls = 0

    def client(self, service: Any, **options: Any) -> Any:
        made = super().client(service, **options)

        def before(model: Any, **_: Any) -> None:
            if not model.name.startswith(READS):
                self._calls += 1
                os.write(self._tell, f"{service}.{model.name}\n".encode())
                self._die("before")

        def after(model: Any, **_: Any) -> None:
            if not model.name.startswith(READS):
                self._die("after")

        made.meta.events.register("before-call", before)
        made.meta.events.register("after-call", after)
        return made

    def _die(self, when: str) -> None:
        if self._kill == f"{self._calls}-{when}":
            os.kill(os.getpid(), signal.SIGKILL)


def run(endpoint: str, request: dict[str, Any]) -> dict[str, Any]:
    """Deploy in a fork, and say what it called and how it ended."""
    flow = compiled(request["flow"], request["stack"])
    wanted = None if request["undeploy"] else flow
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        session = Doomed(endpoint, request["kill"], write)
        deploy(provider(endpoint, flow, session), wanted)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        calls = told.read().split()
    return {"calls": calls, "status": os.waitpid(child, 0)[1]}


def main(endpoint: str) -> None:
    for line in sys.stdin:
        print(json.dumps(run(endpoint, json.loads(line))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
