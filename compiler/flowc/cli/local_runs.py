"""Running a compilation here, through the target object that can: the local one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from flowc.target import Compilation, Target
    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.outcomes import Outcome

LOCAL = "local"
Observe = Callable[[Any, tuple[int, ...], str], None]
"""Told of every unit, the loop indices it runs at, and what became of it."""


class Result(Protocol):
    """How a run ended."""

    @property
    def run(self) -> str:
        """Its key."""

    @property
    def outcome(self) -> Outcome:
        """Its outcome."""

    @property
    def output(self) -> Json:
        """Its output."""

    @property
    def error(self) -> Mapping[str, Any] | None:
        """Why it failed, if it did."""

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """Outcomes by step, of the outermost scope."""


class LocalSession(Protocol):
    """Store, clients and servers of one compilation, for as many runs as wanted."""

    def run(
        self, value: Json, *, observe: Observe = ..., isolate: bool = ..., name: str = ...
    ) -> Result:
        """Run the flow once."""


def open_session(
    target: Target,
    compilation: Compilation,
    *,
    overrides: Mapping[str, Json] | None = None,
    state_store: str | None = None,
) -> AbstractContextManager[LocalSession]:
    """Return a session of the local target, as a context manager."""
    local: Any = target  # what only this target can do is not part of the protocol of all
    session = local.open_session(compilation, overrides=overrides, state_store=state_store)
    return cast("AbstractContextManager[LocalSession]", session)


def error_of(result: Result) -> dict[str, Any]:
    """Return why a run failed, flat: ``step`` (None for the run's own), ``code``, ``message`` …"""
    found: dict[str, Any] = dict(result.error or {})
    error = found.pop("error", None)
    return {**found, **error} if isinstance(error, dict) else found
