"""What a step gives a component, against the input schema that the component's class declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Severity, codes
from flowc.json_schema import schema_problem
from flowc.mismatches import certain_mismatches

if TYPE_CHECKING:
    from flowc.ir.model import Call, Step
    from flowc.ir.placement import PlacedCall
    from flowc.passes.declared_schemas import DeclaredSchemas

_SHOWN = 3


def check_input(
    step: Step, body: Call, call: PlacedCall, schemas: DeclaredSchemas, diagnostics: Diagnostics
) -> None:
    """Report what of a step's input certainly violates the component's declared schema."""
    classes = {cls.name: cls for cls in call.classes}
    for candidate in call.candidates:
        cls = classes[candidate.component_class]
        schema = cls.input_schemas.get(candidate.component)
        # What holds only under conditions on the input is not certain.
        if schema is None or candidate.conditions or schema_problem(schema) is not None:
            continue
        for mismatch in certain_mismatches(call.input_of(body), schema, schemas.of)[:_SHOWN]:
            diagnostics.report(
                codes.INPUT_MISMATCH,
                f"the input of step `{step.id}` does not match what "
                f"`{candidate.component}` takes: {mismatch.message}",
                mismatch.span or body.input_span,
                secondary=[(cls.span, "this class declares the schema")],
                # Stepflow never compared the two, and flows rely on it.
                severity=None if schemas.program.enforce_schemas else Severity.WARNING,
            )
