"""Running a compilation here, through the target object that can: the local one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
        self,
        value: Json,
        *,
        observe: Observe = ...,
        isolate: bool = ...,
        name: str = ...,
        trigger: Json = ...,
    ) -> Result:
        """Run the flow once."""

    def wait_detached(self) -> Sequence[Result]:
        """Wait for the runs that steps have started, and return how they ended."""

    def stop(self) -> None:
        """Stop every run: what runs ends soon, and ``run`` returns."""


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


def run_all(
    session: LocalSession, inputs: Iterable[Json], at_once: int, **how: Any
) -> Iterator[Result]:
    """Yield the result of a run per input, in order.

    The runs are on other threads, so that an interruption finds this one waiting and nothing else:
    it stops what runs, and goes on once that has been recorded.
    """
    with ThreadPoolExecutor(at_once, thread_name_prefix="run") as pool:
        try:
            yield from pool.map(lambda value: session.run(value, **how), inputs)
        except BaseException:
            session.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def error_of(result: Result) -> dict[str, Any]:
    """Return why a run failed, flat: ``step`` (None for the run's own), ``code``, ``message`` …"""
    found: dict[str, Any] = dict(result.error or {})
    error = found.pop("error", None)
    return {**found, **error} if isinstance(error, dict) else found
