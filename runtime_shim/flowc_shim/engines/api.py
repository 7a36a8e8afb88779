"""What is asked of an engine; for a sweeper it is the only failure detector that there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.json_types import Json


@dataclass(frozen=True, slots=True)
class EngineEnd:
    """How the engine ended a run: a status that ``finish`` understands, and its own words.

    A run that the engine does not know any more was deleted: ``terminated``.
    """

    status: str
    message: str = ""


class EngineUnavailable(Exception):
    """The engine did not answer: nothing is known about any run."""


class Engine(Protocol):
    """Asks an engine about runs."""

    def end_of(self, run: str, header: Mapping[str, Json]) -> EngineEnd | None:
        """Return how ``run`` ended, None while it goes on; raises EngineUnavailable.

        ``header`` holds its ``name``, which may be another run's by now: ``run`` decides.
        """
