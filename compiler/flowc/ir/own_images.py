"""Components that run in an image of their own, beside the shim."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.diagnostics import Span
    from flowc.ir.placement import PlacedCall
    from flowc_shim.contract.json_types import Json

CONTAINER = "container"


@dataclass(frozen=True, slots=True)
class OwnImage:
    """A component of a class of type ``container``: what its container is made of.

    ``command`` stands for the image's entry point, and is empty for that. ``env``: texts, and
    secrets as ``{"secret": name}``. ``span``: of the class.
    """

    component_class: str
    component: str
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: Mapping[str, Json]
    span: Span = field(compare=False)


def own_image(call: PlacedCall) -> OwnImage | None:
    """Return the image that a call of one such class needs; None for any other call."""
    candidate, cls = call.candidates[0], call.classes[0]
    if cls.type != CONTAINER:
        return None
    program = (cls.config.get("components") or {}).get(candidate.component)
    if program is None:
        return None  # which the placing reports
    return OwnImage(
        cls.name,
        candidate.component,
        str(program["image"]),
        tuple(map(str, program.get("command") or ())),
        tuple(map(str, program.get("args") or ())),
        program.get("env") or {},
        cls.span,
    )
