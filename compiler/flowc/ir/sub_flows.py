"""Sub-flows while names are resolved: what their values refer to, and whose their variables are.

A sub-flow is the body of a loop of one item, ``{input, variables}``. So `$input` in it is a member
of that item, and so is `$variable` where the step gives the value. Other variables it shares with
the flow: they have one value per name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes
from flowc.ir.model import Call, Detached, SubFlow
from flowc.ir.references import span_of
from flowc.json_schema import mismatches
from flowc.source.decode_sub_flow import INPUT, VARIABLES
from flowc.source.model import SourceLoop
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.ir.settings import Settings
    from flowc.source.model import (
        SourceCall,
        SourceFlow,
        SourceStep,
        SourceSubFlow,
        SourceVariable,
    )
    from flowc_shim.contract.json_types import Json


@dataclass(frozen=True, slots=True)
class Inside:
    """A sub-flow at ``path``, and what it is.

    ``given``: the values of its variables that the step gives, as they are written in the flow
    ``around`` it.
    """

    path: str
    facts: SubFlow
    given: Mapping[str, v.Value]
    around: Settings

    def input(self, ref: v.InputRef) -> v.Value:
        """Return what ``$input`` is in this flow."""
        return v.ItemRef(self.path, (INPUT, *ref.path), ref.at)

    def variable(self, ref: v.VariableRef) -> v.Value:
        """Return what ``$variable`` is in this flow."""
        if ref.name not in self.facts.variables:
            return ref
        if ref.path and ref.default is not None:
            self.around.diagnostics.report(
                codes.NOT_A_SUB_FLOW,
                f"variable `{ref.name}` has its value from the step, and so no `default` "
                "behind a path",
                span_of(ref),
                hint="leave the default away, and give a complete value",
            )
        return v.ItemRef(self.path, (VARIABLES, ref.name, *ref.path), ref.at)


def is_sub_flow(step: SourceStep) -> bool:
    """Whether a step is another flow."""
    return isinstance(step.body, SourceLoop) and step.body.flow is not None


def enter_sub_flow(
    sub: SourceSubFlow,
    flow: SourceFlow,
    path: str,
    merged: dict[str, SourceVariable],
    around: Settings,
) -> Inside:
    """Return the inside of the sub-flow at ``path``; ``merged`` gets the variables that it shares.

    Reports variables that are given and not declared, of another type, or declared in two ways.
    """
    diagnostics = around.diagnostics
    given = given_variables(sub, flow, diagnostics)
    for variable in flow.variables:
        if variable.name not in given:
            _merge(variable, sub, merged, diagnostics)
    facts = SubFlow(flow.file, flow.input_schema, flow.output_schema, given, flow.fail_fast)
    values = {name.value: value for name, value in sub.variables}
    return Inside(path, facts, values, around)


def starting_call(
    body: SourceCall,
    sub: SourceSubFlow,
    value: v.Value,
    merged: dict[str, SourceVariable],
    diagnostics: Diagnostics,
) -> Call:
    """Return the call that starts runs of a flow; without a component if that could not be read.

    The flow's variables are its own: those that the step gives, any other as in every run of it.
    """
    refuse_secrets(value, merged, diagnostics)
    if sub.flow is None:
        return Call(replace(body.component, value=""), value, body.input_span)
    given = given_variables(sub, sub.flow, diagnostics)
    variables = [replace(one, given=one.name in given) for one in sub.flow.variables]
    flow = replace(sub.flow, variables=tuple(variables))
    return Call(body.component, value, body.input_span, Detached(flow))


def given_variables(
    sub: SourceSubFlow, flow: SourceFlow, diagnostics: Diagnostics
) -> dict[str, Json]:
    """Return the schemas of the variables that a step gives; reports those that do not fit."""
    declared = {variable.name: variable for variable in flow.variables}
    given: dict[str, Json] = {}
    for name, value in sub.variables:
        variable = declared.get(name.value)
        if variable is None:
            known = ", ".join(f"`{known}`" for known in declared) or "none"
            diagnostics.report(
                codes.UNKNOWN_VARIABLE,
                f"`{name.value}` is not a variable of `{flow.file}`",
                name.span,
                hint=f"variables of that flow: {known}",
            )
            continue
        given[name.value] = variable.schema
        problems = mismatches(variable.schema, v.constant(value)) if v.is_constant(value) else []
        if problems:
            diagnostics.report(
                codes.DEFAULT_MISMATCH,
                f"the value of variable `{name.value}` does not match its schema: "
                f"{problems[0].message}",
                name.span,
                secondary=[(variable.span, "declared here")],
            )
    return given


def refuse_secrets(
    gets: v.Value | None, merged: dict[str, SourceVariable], diagnostics: Diagnostics
) -> None:
    """Report secrets in what a sub-flow gets: that is kept, and a secret must not be."""
    for node in () if gets is None else v.walk(gets):
        if not isinstance(node, v.VariableRef) or node.name not in merged:
            continue
        variable = merged[node.name]
        if variable.is_secret:
            diagnostics.report(
                codes.NOT_A_SUB_FLOW,
                f"secret variable `{node.name}` cannot be handed to a flow: "
                "what a flow gets is kept",
                span_of(node),
                secondary=[(variable.span, "declared `is_secret` here")],
                hint=f"declare `{node.name}` in that flow as well: they share its value",
            )


def _merge(
    variable: SourceVariable,
    sub: SourceSubFlow,
    merged: dict[str, SourceVariable],
    diagnostics: Diagnostics,
) -> None:
    other = merged.setdefault(variable.name, variable)
    if replace(other, span=variable.span) != variable:
        diagnostics.report(
            codes.NOT_A_SUB_FLOW,
            f"variable `{variable.name}` is declared in two ways",
            sub.file.span,
            secondary=[(other.span, "here"), (variable.span, "and here")],
            hint=f"give its value to the flow: `variables: {{{variable.name}: …}}`",
        )
