"""Placement: what a stack and an environment add to a Program: classes, numbers, variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowc.source.model import Needs
from flowc_shim.contract.policies import DEFAULT_RETRY, Retry
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc.ir.model import Call
    from flowc.source.model import At
    from flowc.source.stack_model import ComponentClass, Profile, Stack
    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.steps import Candidate, PlanVariable

IN_CONTAINER = frozenset({"python", "command", "container"})
"""Class types whose work is done in (or beside) the unit's own container."""

RUNS = "runs"
"""The class type of a step that starts runs of a flow; no stack has one."""

HEAVY_CPU = 4.0
"""Cores above which a container is not started only to look whether it is needed."""


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """A component call on a stack. ``timeout`` in seconds; ``needs`` of the step, if it has any.

    ``locations``: in how many places its program runs at once, where a binding says so. ``data``:
    the URIs of files that bindings add to its input, by key.
    """

    candidates: tuple[Candidate, ...]
    classes: tuple[ComponentClass, ...]
    timeout: float | None = None
    retry: Retry = DEFAULT_RETRY
    needs: Needs | None = None
    profile: Profile | None = None
    locations: At[int] | None = None
    data: Mapping[str, At[str]] = field(default_factory=dict)

    def input_of(self, body: Call) -> v.Value:
        """Return what the component gets: what the flow says, and the files that are bound."""
        if not self.data:
            return body.input
        written = body.input.members if isinstance(body.input, v.ObjectValue) else ()
        files = ((key, v.Literal(file_reference(u.value), u.span)) for key, u in self.data.items())
        return v.ObjectValue((*written, *files), body.input.at)

    @property
    def hosts(self) -> int:
        """Return in how many places the call's program runs at once."""
        return 1 if self.locations is None else self.locations.value

    @property
    def in_container(self) -> bool:
        """Whether the step's own resource needs belong on the unit's container."""
        return any(cls.type in IN_CONTAINER for cls in self.classes)

    @property
    def starts_runs(self) -> bool:
        """Whether it starts a run, for which its process needs rights that no other has."""
        return any(cls.type == RUNS for cls in self.classes)

    @property
    def heavy(self) -> bool:
        """Whether the unit is too dear to be started only to look (``engine_rules`` 1)."""
        if not self.in_container:
            return False
        if self.hosts > 1 or any(cls.type == "container" for cls in self.classes):
            return True
        needs = self.needs or Needs()
        return bool(needs.gpu) or (needs.cpu or 0) > HEAVY_CPU


@dataclass(frozen=True, slots=True)
class Placement:
    """All of it: ``calls`` by step path, ``concurrency`` by loop path, ``flow_timeouts`` in seconds
    by the path of the step that is the flow.

    ``secrets``: plain values of secret variables (local runs only); they never enter a plan.
    ``endpoints``: the address of each class that the target brings up itself. ``timeout``: seconds
    of a whole run. ``data``: the URIs of files that the run's input has where nobody gives another
    value, by key.
    """

    stack: Stack
    calls: Mapping[str, PlacedCall]
    concurrency: Mapping[str, int]
    variables: tuple[PlanVariable, ...] = ()
    secrets: Mapping[str, object] = field(default_factory=dict, repr=False)
    project: str = ""
    branch: str = ""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    flow_timeouts: Mapping[str, float] = field(default_factory=dict)
    data: Mapping[str, At[str]] = field(default_factory=dict)

    def bound_files(self) -> Iterator[At[str]]:
        """Yield the URI of every file that bindings give to ports."""
        for data in (self.data, *(call.data for call in self.calls.values())):
            yield from data.values()


def file_reference(uri: str) -> Json:
    """Return a file that is there already, as flows and plans refer to it."""
    return {"$artifact": uri}
