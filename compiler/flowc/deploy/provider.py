"""What a target offers to be deployed to and looked at; found on the target object.

A target that can be deployed to has an attribute ``deployer`` (:class:`Deployer`), found with
:func:`deployer_of`. It is as lazy as the target object: clients of clouds and clusters are
imported when :meth:`Deployer.connect` is called, not before.

**Errors.** Every method of a provider raises :class:`DeployError` and nothing else for what goes
wrong outside (no access, no answer, refused, conflict): one sentence, and what to do. It repeats by
itself what may be repeated safely, a few times, and gives up with such an error.

**Interruption.** A process may end between any two calls, and within one. So every method that
writes may be called again, with the same argument, whatever became of it before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowc.deploy.model import Address, Change, Desired, Observed
    from flowc.target import Compilation, Target


class DeployError(Exception):
    """What the target did not do, in one sentence without a full stop; ``fix``: what to do."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a deployment from working: one sentence, and what to do about it.

    ``stops``: false for what may be fine, and could not be found out; that is said, no more.
    """

    message: str
    fix: str
    stops: bool = True


@dataclass(frozen=True, slots=True)
class Permission:
    """What one role may do, and for what; ``actions`` and ``resources`` in the target's words."""

    role: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str


class RunState(str, Enum):
    """The words for a run's state, the same on every target; those that end it are outcomes."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    STOPPED = "stopped"
    SKIPPED = "skipped"
    """Stepflow's classic dialect only: the output was skipped."""

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self not in (RunState.PENDING, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class EngineRun:
    """A run as the engine knows it. ``key`` is its key in the state store, ``name`` for people.

    ``started`` and ``ended``: seconds since the epoch, None if not (yet) known. ``plan``: digest,
    or how it begins; empty if the engine does not say. ``message``: the engine's own words.
    """

    key: str
    name: str
    state: RunState
    started: float | None = None
    ended: float | None = None
    plan: str = ""
    message: str = ""
    tags: tuple[str, ...] = ()
    scheduled: str = ""
    """RFC 3339, if a schedule started it."""


@dataclass(frozen=True, slots=True)
class Start:
    """A run to start.

    ``name``: its name on the engine; starting a name that exists starts nothing and returns the
    run of that name. ``input``: JSON text, small enough for every engine (``MAX_INPUT_BYTES``);
    larger ones are in the state store at ``input_key``, and ``input`` is empty.
    """

    name: str
    input: str
    input_key: str = ""
    tags: tuple[str, ...] = ()


MAX_INPUT_BYTES = 64 * 1024
"""Of an input that travels through the engine: a variable of a process holds 128 KB on Linux,
escapes included, and Step Functions passes 256 KB between states, all results included."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a unit printed. ``time``: RFC 3339, if known."""

    unit: str
    scope: str
    text: str
    time: str = ""


class Deployer(Protocol):
    """The pure side of a target's deployments, and the way to the other one."""

    def desired(self, compilation: Compilation) -> tuple[Desired, ...]:
        """Return every object that the flow needs there, schedules (``triggers``) included."""

    def written(self, files: Mapping[str, str]) -> tuple[Observed, ...]:
        """Return the objects in files that :meth:`flowc.target.Target.emit` wrote once."""

    def permissions(self, compilation: Compilation) -> tuple[Permission, ...]:
        """Return what the roles of the flow may do, and why."""

    def connect(self, address: Address) -> Provider:
        """Return a connection; raises DeployError where nothing says how to reach the target."""


class Provider(Protocol):
    """A connection to a target, for one deployment."""

    place: str
    """Where that is, for people: ``namespace vision of https://…``, ``account 123 in eu-west-1``.
    """

    def identity(self) -> Mapping[str, str]:
        """Return what tells this place from others, by part: words for people → value.

        A part that this user may not find out is left out.
        """

    def preflight(self, desired: Sequence[Desired]) -> tuple[Problem, ...]:
        """Return everything that would keep ``desired`` from being written or from running.

        Reads only. May this user do it, is the engine there, and what the objects refer to
        (namespaces, secrets, images, queues)? The state store is asked by flowc itself.
        """

    def observe(self, desired: Sequence[Desired]) -> tuple[Observed, ...]:
        """Return every object there that belongs to the deployment (by label or tag).

        Also one that has the name of a desired object and belongs to nobody: its ``body`` differs
        then at least in the labels. Raises DeployError if such an object belongs to somebody else.
        Everything that an unfinished run needs has ``needed_by``.
        """

    def apply(self, change: Change) -> None:
        """Create or update the object of ``change``, so that it is as desired from then on.

        For ``Phase.SWITCH`` in one step: new runs are of the old release or of the new one.
        """

    def delete(self, change: Change) -> None:
        """Delete the object of ``change``; one that is gone already is fine."""

    def start(self, start: Start) -> EngineRun:
        """Start a run of what is deployed."""

    def runs(self, keep: Iterable[RunState] = ()) -> Iterator[EngineRun]:
        """Return the runs that the engine still knows, newest first; only of these states."""

    def run(self, key_or_name: str) -> EngineRun | None:
        """Return one run, None if the engine does not know it (any more)."""

    def stop(self, run: EngineRun) -> None:
        """Ask the engine to stop a run; the exit handler records it where there is one."""

    def forget_runs(self) -> None:
        """Delete what the engine keeps of runs that have ended, as far as that is possible."""

    def logs(self, run: EngineRun, units: Sequence[str], follow: bool) -> Iterator[LogLine]:
        """Yield what the units of a run (all of them if empty) printed, as far as it is kept.

        ``follow``: and what they print from now on, until the run has ended.
        """

    def suspended(self) -> bool:
        """Whether the schedules are suspended."""

    def suspend(self, on: bool) -> None:
        """Suspend the schedules, or let them go on; a deployment leaves that as it is."""

    def close(self) -> None:
        """Give back connections."""


def deployer_of(target: Target) -> Deployer | None:
    """Return how to deploy to ``target``, None if nothing is deployed there (``local``)."""
    found: Any = getattr(target, "deployer", None)
    return cast("Deployer | None", found)
