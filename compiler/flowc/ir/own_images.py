"""Components that run in an image of their own, beside the shim."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.diagnostics import Span
    from flowc.ir.placement import PlacedCall
    from flowc.source.stack_model import ComponentClass
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
    env: Mapping[str, Json] = field(compare=False)
    span: Span = field(compare=False)


def own_image(call: PlacedCall) -> OwnImage | None:
    """Return the image of the component that a call reaches first, None if it has none."""
    return _of_each(call)[0]


def own_images(call: PlacedCall) -> tuple[OwnImage, ...]:
    """Return the images of all components that a call may reach."""
    return tuple(one for one in _of_each(call) if one is not None)


def _of_each(call: PlacedCall) -> list[OwnImage | None]:
    classes = {cls.name: cls for cls in call.classes}
    return [_own_image(one.component, classes[one.component_class]) for one in call.candidates]


def _own_image(component: str, cls: ComponentClass) -> OwnImage | None:
    if cls.type != CONTAINER:
        return None
    program = (cls.config.get("components") or {}).get(component)
    if program is None:
        return None  # which the placing reports
    return OwnImage(
        cls.name,
        component,
        str(program["image"]),
        tuple(map(str, program.get("command") or ())),
        tuple(map(str, program.get("args") or ())),
        program.get("env") or {},
        cls.span,
    )
