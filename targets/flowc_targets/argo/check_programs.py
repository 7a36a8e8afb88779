"""Steps with programs in pods of their own that would not work on a cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes
from flowc.ir.own_images import CONTAINER
from flowc.ir.placement import IN_CONTAINER
from flowc_shim.contract.scopes import in_finally
from flowc_targets.argo.programs import programs_of

if TYPE_CHECKING:
    from flowc.ir.own_images import OwnImage
    from flowc.target import Compilation

_ENVIRONMENT_NAME = re.compile(r"[-._A-Za-z][-._A-Za-z0-9]*")


def check_programs(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Report it at the step, or at the class if that is to blame."""
    checked = set()
    for unit, programs in programs_of(compilation).items():
        check_is_swept(compilation, unit, diagnostics)
        _check_alone(compilation, unit, diagnostics)
        for program in programs:
            if program.image not in checked:
                checked.add(program.image)
                _check_variables(program.image, diagnostics)


def check_is_swept(compilation: Compilation, unit: str, diagnostics: Diagnostics) -> None:
    """Report a unit of `finally` that needs other pods than its own."""
    if in_finally(compilation.layout.units[unit].scope):
        diagnostics.report(
            codes.UNSUPPORTED,
            f"step `{unit}` of `finally` needs a pod of its own, which the sweeper, that runs it "
            "when a Workflow was terminated, does not make",
            compilation.layout.units[unit].span,
            hint="use a class of type `command` or `python`, or a component server",
        )


def _check_alone(compilation: Compilation, unit: str, diagnostics: Diagnostics) -> None:
    """Report user code in the process that may make pods, where it would find the account."""
    for path in compilation.layout.units[unit].steps:
        classes = compilation.placement.calls[path].classes
        here = [cls for cls in classes if cls.type in IN_CONTAINER and cls.type != CONTAINER]
        if here and any(cls.type == CONTAINER for cls in classes):
            diagnostics.report(
                codes.UNSUPPORTED,
                f"step `{path}` may run in a pod of its own or, by class `{here[0].name}`, in its "
                "unit's, which must run no code of yours: its account may make pods",
                compilation.program.steps[path].span,
                secondary=[(here[0].span, "runs in the unit's pod")],
                hint="make it two steps with a `when` each, or use one type for both",
            )


def _check_variables(own: OwnImage, diagnostics: Diagnostics) -> None:
    for variable in own.env:
        if not _ENVIRONMENT_NAME.fullmatch(variable):
            diagnostics.report(
                codes.TARGET_NAME,
                f"class `{own.component_class}`: `{variable}` is no name of an environment "
                "variable",
                own.span,
                hint="rename it",
            )
