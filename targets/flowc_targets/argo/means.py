"""What some pods may do that no other may: start runs, or have programs run in other pods.

None runs a component in its own process. So what the account is allowed, user code is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowc_shim.runner.pod_document import POD_NAME, POD_UID

if TYPE_CHECKING:
    from collections.abc import Sequence

Document = dict[str, Any]

STARTS, PROGRAMS, PLACES = "start", "pods", "places"


@dataclass(frozen=True, slots=True)
class Means:
    """``word``: which of them. ``account``: of its pods. ``value``: how their shim does it, in
    ``variable``. ``owns``: what it makes there is owned by its own pod."""

    word: str
    account: str
    variable: str
    value: str
    owns: bool = False

    @property
    def environment(self) -> Sequence[Document]:
        """Return the variables of the pods."""
        found: list[Document] = [{"name": self.variable, "value": self.value}]
        if self.owns:
            for name, field in ((POD_NAME, "metadata.name"), (POD_UID, "metadata.uid")):
                found.append({"name": name, "valueFrom": {"fieldRef": {"fieldPath": field}}})
        return found
