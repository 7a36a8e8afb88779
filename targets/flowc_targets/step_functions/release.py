"""A release: a flow's machine, and those beside it.

Beside it are the machines of detached flows, and of parts of a run that does not fit into one. All
share functions and roles. A machine beside the flow's carries the digests of the release and of its
own content in its name, and is never changed: what is under way starts what it was built with.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_targets.step_functions.compute import Compute

if TYPE_CHECKING:
    from flowc.target import Compilation

DIGITS = 8
DETACHED = f"-{'?' * DIGITS}-{'?' * DIGITS}"
PART = f"{DETACHED}-part"
"""How names of machines of detached flows, and of parts, end in patterns of IAM."""

_DETACHED = re.compile(f"-[0-9a-f]{{{DIGITS}}}-[0-9a-f]{{{DIGITS}}}")


def is_detached(machine: str, base: str) -> bool:
    """Whether a machine is one of a detached flow, in a deployment whose names begin so."""
    return machine.startswith(base) and bool(_DETACHED.fullmatch(machine[len(base) :]))


def is_part(machine: str, base: str) -> bool:
    """Whether a machine is a part of one, in a deployment whose names begin so."""
    return machine.endswith("-part") and is_detached(machine.removesuffix("-part"), base)


@dataclass(frozen=True, slots=True)
class Release:
    """The flow that is deployed, and what its units run on."""

    root: Compilation
    compute: Compute

    @staticmethod
    def of(root: Compilation) -> Release:
        """Return the release of a flow."""
        return Release(root, Compute.of(root))

    def machine(self, one: Compilation) -> str:
        """Return the name of the machine of ``one``, which is the flow or a detached one of it."""
        if one is self.root:
            return self.compute.base
        return f"{self._name}-{one.plan.digest[:DIGITS]}"

    def part(self, one: Compilation, path: str) -> str:
        """Return the name of the machine of the sub-flow at ``path`` of ``one``."""
        digest = hashlib.sha256(f"{one.plan.digest}/{path}".encode()).hexdigest()
        return f"{self._name}-{digest[:DIGITS]}-part"

    @property
    def _name(self) -> str:
        return f"{self.compute.base}-{self.root.plan.digest[:DIGITS]}"
