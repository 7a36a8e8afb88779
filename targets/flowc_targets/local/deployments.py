"""Deployments of a local run: up before the first consumer, down after the last of all runs."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowc.ir.layout import close_id
from flowc_shim.contract.errors import FlowError
from flowc_shim.contract.scopes import is_outermost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowc.ir.layout import Unit
    from flowc.target import Compilation
    from flowc_shim.components.pool import ClientPool
    from flowc_shim.runner.keys import Indices
    from flowc_targets.local.scheduler import Ended, Launch


def consumers(compilation: Compilation) -> dict[str, frozenset[str]]:
    """Return each deployment that is used, with the outermost units that are its consumers.

    When those have ended nothing calls it any more: a loop around a consumer ends with its
    ``close``.
    """
    classes = compilation.placement.stack.classes
    found: dict[str, set[str]] = {}
    for unit in compilation.layout.units.values():
        for name in unit.classes:
            deployment = classes[name].deployment if name in classes else None
            if deployment is not None:
                found.setdefault(deployment, set()).add(_outermost(unit, compilation))
    return {deployment: frozenset(units) for deployment, units in found.items()}


def _outermost(unit: Unit, compilation: Compilation) -> str:
    scope, loop = unit.scope, None
    while not is_outermost(scope):
        loop, scope = scope, compilation.program.steps[scope].scope
    return unit.id if loop is None else close_id(loop)


@dataclass
class Deployments:
    """The deployments of one session, and how many of its runs still need each."""

    compilation: Compilation
    pool: ClientPool
    consumers: Mapping[str, frozenset[str]] = field(init=False)
    _runs: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Find out who needs what."""
        self.consumers = consumers(self.compilation)

    @contextmanager
    def of_run(self, launch: Launch, cancelled: threading.Event) -> Iterator[Launch]:
        """Yield ``launch`` that takes down what no later unit of the run calls, if no run does.

        What is not ``lazy`` comes up first; one that fails to fails its first consumer. Whatever
        becomes of the run, at its end it needs nothing.
        """
        waiting = {deployment: set(units) for deployment, units in self.consumers.items()}
        with self._lock:
            self._runs.update(list(waiting))
        lock = threading.Lock()

        def launched(unit: Unit, indices: Indices, settled: dict[str, tuple[str, str]]) -> Ended:
            try:
                return launch(unit, indices, settled)
            finally:
                with lock:
                    done = [name for name, units in waiting.items() if units == {unit.id}]
                    for units in waiting.values():
                        units.discard(unit.id)
                    for name in done:
                        del waiting[name]
                self._release(done)

        try:
            self._bring_up_early(cancelled)
            yield launched
        finally:
            self._release(waiting)

    def _bring_up_early(self, cancelled: threading.Event) -> None:
        for name in self.consumers:
            deployment = self.compilation.placement.stack.deployments[name]
            if not deployment.lazy:
                with suppress(FlowError):
                    self.pool.bring_up(deployment.services[0], cancelled)

    def _release(self, deployments: Iterable[str]) -> None:
        for name in deployments:
            with self._lock:
                self._runs[name] -= 1
                if self._runs[name] == 0:  # under the lock: no new run finds it half gone
                    self.pool.take_down(name)
