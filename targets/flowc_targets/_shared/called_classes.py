"""The component classes that come up with a release, and are called by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.stack_model import ComponentClass
    from flowc.target import Compilation

Names = TypeVar("Names")


def called_classes(
    compilation: Compilation, names: Mapping[str, Names]
) -> list[tuple[ComponentClass, Names]]:
    """Return those of the classes in ``names`` that a plan of the release may call, by name."""
    classes = compilation.placement.stack.classes
    called = {name for one in compilation.family for name in one.plan.classes}
    return [(classes[name], names[name]) for name in sorted(called) if name in names]
