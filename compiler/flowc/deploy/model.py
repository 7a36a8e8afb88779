"""Objects on a target: what a deployment wants, what is there, and how the two differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.stack_model import Stack
    from flowc_shim.contract.json_types import Json


class Phase(IntEnum):
    """When an object is written; within a phase, in the order in which the target lists them.

    ``ADDITIVE``: nothing that runs now looks at it yet, or it only allows more. ``SWITCH``: from
    here on new runs are of this release; at most one object of a deployment. ``FOLLOW``: what
    starts runs by the switched name (schedules). Deleting is no phase of an object: it is last.
    """

    ADDITIVE = 1
    SWITCH = 2
    FOLLOW = 3


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """An object's kind and name on the target; unique within a deployment."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Desired:
    """An object that has to be there, with exactly this ``body``; no secrets are in it.

    ``plan``: the digest of the plan that it belongs to, for objects of one release only.
    """

    ref: Ref
    body: Mapping[str, Json]
    phase: Phase = Phase.ADDITIVE
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """An object that is there and belongs to the deployment.

    ``body`` is comparable with the ``body`` of a :class:`Desired`: without defaults that the
    target fills in, without status, and without fields that others may set (annotations of
    controllers). Everything else is in it, fields that nobody asked for included.

    ``edited``: path of a field (as in :class:`FieldChange`) → who changed it beside flowc; a path
    stands for everything below it. ``needed_by``: why it may not be deleted now, for people
    (``run forecast-x7 is not finished``); empty if it may.
    """

    ref: Ref
    body: Mapping[str, Json]
    plan: str = ""
    edited: Mapping[str, str] = field(default_factory=dict)
    needed_by: str = ""


class Absent(Enum):
    """The value of a field that is not there."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs: ``before`` is there, ``after`` is wanted; ABSENT for neither.

    ``path`` as people read it: ``spec.templates[run].retryStrategy.limit``; list entries by their
    ``name`` where all have one. ``edited_by``: who made the difference by hand, empty if a new
    release did.
    """

    path: str
    before: Json | Absent
    after: Json | Absent
    edited_by: str = ""


class Kind(str, Enum):
    """What happens to an object."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    KEEP = "keep"
    """It would be deleted, but something needs it still (``Observed.needed_by``)."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one object, and the fields that differ (updates only)."""

    kind: Kind
    ref: Ref
    fields: tuple[FieldChange, ...] = ()
    desired: Desired | None = None
    observed: Observed | None = None

    @property
    def is_drift(self) -> bool:
        """Whether only hands made the difference, and no new release."""
        return bool(self.fields) and all(field.edited_by for field in self.fields)


@dataclass(frozen=True, slots=True)
class Address:
    """Which deployment is meant: enough to find it on its target, without a flow file.

    ``name``: ``<project>-<branch>-<flow>``, the base of all names there.
    """

    name: str
    flow: str
    stack: Stack
    project: str = ""
    branch: str = ""
