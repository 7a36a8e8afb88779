"""Where each variable's value comes from, on one stack and in one environment.

The nearest wins: ``--set`` (local runs only; never part of a plan), environment, stack, the
schema's default, and, where the flow says so, an implicit default by type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from flowc.concealing import texts_in
from flowc.diagnostics import Diagnostics, Span, codes
from flowc.ir.model import Loop
from flowc.ir.references import span_of
from flowc.json_schema import mismatches
from flowc.passes.step_values import all_nodes
from flowc.source.flow_schemas import implicit_default
from flowc.source.model import SourceVariable
from flowc_shim.contract.steps import PlanVariable
from flowc_shim.language import values as v
from flowc_shim.language.references import expression_references

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.ir.model import Program
    from flowc_shim.contract.json_types import Json

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Given:
    """Values by the name of their variable, with where each was written.

    ``exclusive``: the place belongs to the flows of one project.
    """

    values: Mapping[str, Json] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict)
    what: str = "the environment"
    exclusive: bool = False


@dataclass(slots=True)
class Resolved:
    """Result: what goes into the plan, what a local run gets besides, what is known already."""

    plan: list[PlanVariable] = field(default_factory=list)
    secrets: dict[str, Json] = field(default_factory=dict)
    known: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VariableRules:
    """What counts as a mistake.

    ``require_values``: a variable that a run needs must have one. ``local``: plain values of
    secrets are accepted. ``exclusive``: no other flow shares the environment, so that every name
    in it must be one of this flow's.
    """

    require_values: bool
    local: bool
    exclusive: bool = False


def resolve_variables(
    program: Program,
    sources: tuple[Given, ...],
    sets: Mapping[str, Json],
    rules: VariableRules,
    diagnostics: Diagnostics,
) -> Resolved:
    """Return the values of all variables; ``sources`` from the nearest to the farthest."""
    variables = [*program.variables, *_undeclared(program)]
    names = {variable.name for variable in variables}
    _check_names(names, sources, sets, rules.exclusive, diagnostics)
    needed = _needed_names(program)
    resolved = Resolved()
    for variable in variables:
        if variable.given:
            resolved.plan.append(PlanVariable(variable.name, given=True))
            continue
        given = next((source for source in sources if variable.name in source.values), None)
        found = _Found(variable, given, variable.name in needed, program.implicit_defaults)
        resolved.plan.append(found.resolve(sets, rules, resolved, diagnostics))
    return resolved


def variable_names(program: Program) -> set[str]:
    """Return the names of all variables of ``program``, declared or only used with a default."""
    return {variable.name for variable in (*program.variables, *_undeclared(program))}


def secret_name(value: Json) -> str | None:
    """Return the name in ``{secret: name}``, None for any other value."""
    if isinstance(value, dict) and set(value) == {"secret"} and isinstance(value["secret"], str):
        return value["secret"]
    return None


@dataclass(slots=True)
class _Found:
    """One variable on its way to a value. ``needed``: some use of it has no default."""

    variable: SourceVariable
    given: Given | None
    needed: bool
    implicit: bool

    def resolve(
        self,
        sets: Mapping[str, Json],
        rules: VariableRules,
        resolved: Resolved,
        diagnostics: Diagnostics,
    ) -> PlanVariable:
        name = self.variable.name
        if name in sets:
            self._check(sets[name], None, "`--set`", diagnostics)
            if not self.variable.is_secret:
                resolved.known[name] = sets[name]
        if self.given is not None:
            return self._from_source(self.given, rules, resolved, diagnostics)
        return self._from_schema(name in sets, rules, resolved, diagnostics)

    def _from_source(
        self, given: Given, rules: VariableRules, resolved: Resolved, diagnostics: Diagnostics
    ) -> PlanVariable:
        name, is_secret = self.variable.name, self.variable.is_secret
        value, span = given.values[name], given.spans.get(name)
        secret = secret_name(value)
        if secret is not None:
            return PlanVariable(name, secret=secret, is_secret=True)
        self._check(value, span, given.what, diagnostics)
        if not is_secret:
            resolved.known.setdefault(name, value)
            return PlanVariable(name, value=value, has_value=True)
        if rules.local:
            resolved.secrets[name] = value
        else:
            self._refuse_plain(value, span, diagnostics)
        return PlanVariable(name, is_secret=True)

    def _from_schema(
        self, is_set: bool, rules: VariableRules, resolved: Resolved, diagnostics: Diagnostics
    ) -> PlanVariable:
        variable = self.variable
        has_default, default = variable.has_default, variable.default
        if not has_default and self.implicit and not variable.required:
            has_default, default = implicit_default(variable.schema)
        if has_default and variable.is_secret and default not in ("", None):
            return self._secret_default(default, rules, resolved, diagnostics)
        if has_default and variable.env_var is None and not variable.is_secret:
            resolved.known.setdefault(variable.name, default)
        if not (has_default or is_set or variable.env_var) and rules.require_values and self.needed:
            diagnostics.report(
                codes.VARIABLE_WITHOUT_VALUE,
                f"variable `{variable.name}` has no value and no default",
                variable.span,
                hint=f"set it in the environment's `variables`, with `--set {variable.name}=…` "
                "(local runs), or give its schema a `default`",
            )
        return PlanVariable(
            variable.name,
            default=default if has_default else None,
            has_default=has_default,
            env=variable.env_var,
            is_secret=variable.is_secret,
        )

    def _secret_default(
        self, default: Json, rules: VariableRules, resolved: Resolved, diagnostics: Diagnostics
    ) -> PlanVariable:
        """Keep a secret's default out of the plan: it is a plain value like any other."""
        variable = self.variable
        if rules.local:
            resolved.secrets[variable.name] = default
        elif variable.env_var is None:
            self._refuse_plain(default, variable.span, diagnostics)
        return PlanVariable(variable.name, env=variable.env_var, is_secret=True)

    def _refuse_plain(self, value: Json, span: Span | None, diagnostics: Diagnostics) -> None:
        diagnostics.report(
            codes.SECRET_ON_TARGET,
            f"secret variable `{self.variable.name}` has a plain value, "
            "which only the local target accepts",
            span or self.variable.span,
            secondary=[(self.variable.span, "declared `is_secret` here")] if span else [],
            hint="write `{secret: name}` in the environment or stack",
            conceals=texts_in(value),
        )

    def _check(self, value: Json, span: Span | None, what: str, diagnostics: Diagnostics) -> None:
        problems = mismatches(self.variable.schema, value)
        if not problems:
            return
        # The message of a secret's mismatch would quote the secret.
        detail = "" if self.variable.is_secret else f": {problems[0].message}"
        diagnostics.report(
            codes.DEFAULT_MISMATCH,
            f"the value of variable `{self.variable.name}` in {what} "
            f"does not match its schema{detail}",
            span or self.variable.span,
            secondary=[(self.variable.span, "declared here")] if span else [],
        )


def _check_names(
    declared: set[str],
    sources: tuple[Given, ...],
    sets: Mapping[str, Json],
    exclusive: bool,
    diagnostics: Diagnostics,
) -> None:
    for name in sets:
        if name not in declared:
            _unknown(name, "`--set`", None, declared, diagnostics)
    for source in sources:
        for name in source.values:
            if name in declared:
                continue
            near = get_close_matches(name, sorted(declared), n=1, cutoff=0.8)
            # Stacks and environments serve several flows: the name of another flow's variable is
            # no mistake, a near miss of one of this flow's most likely is.
            if (exclusive and source.exclusive) or (near and near[0] not in source.values):
                _unknown(name, source.what, source.spans.get(name), declared, diagnostics)


def _unknown(
    name: str, what: str, span: Span | None, declared: set[str], diagnostics: Diagnostics
) -> None:
    near = get_close_matches(name, sorted(declared), n=1)
    known = ", ".join(f"`{known}`" for known in sorted(declared)[:12]) or "none"
    diagnostics.report(
        codes.UNKNOWN_VARIABLE,
        f"`{name}` in {what} is not a variable of this flow",
        span,
        hint=f"write `{near[0]}`" if near else f"variables of the flow: {known}",
    )


def _needed_names(program: Program) -> frozenset[str]:
    """Return the variables that a run cannot do without: required, or used without a default."""
    found = {variable.name for variable in program.variables if variable.required}
    for scope, node in all_nodes(program):
        if isinstance(node, v.VariableRef) and node.default is None:
            found.add(node.name)
        elif isinstance(node, v.Expr) and (names := _expression_names(node)):
            found.update(names - _given_names(program, scope))
    return frozenset(found)


def _given_names(program: Program, scope: str) -> frozenset[str]:
    """Return the variables whose values a step gives to the sub-flow around ``scope``."""
    flow = program.flow_around(scope)
    body = None if flow is None else program.steps[flow].body
    if not isinstance(body, Loop) or body.flow is None:
        return frozenset()
    return frozenset(body.flow.variables)


def _expression_names(node: v.Expr) -> set[str]:
    return {
        ref.path[0]
        for ref in expression_references(node)
        if ref.root == "vars" and ref.path and isinstance(ref.path[0], str) and not ref.tolerant
    }


def _undeclared(program: Program) -> list[SourceVariable]:
    """Return variables that are used, with a default, but declared nowhere: they may be given."""
    declared = {variable.name for variable in program.variables}
    found: dict[str, SourceVariable] = {}
    for _, node in all_nodes(program):
        if isinstance(node, v.VariableRef) and node.name not in declared:
            found[node.name] = SourceVariable(
                node.name, True, required=False, span=span_of(node) or program.span
            )
    return list(found.values())
