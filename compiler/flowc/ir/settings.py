"""Settings that are fixed before the run, where a variable says them.

A variable that a step gives to the flow that it runs has the value of that step, and nobody else's:
neither the run's variable of that name, nor the default that the flow declares.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.ir.references import span_of
from flowc.source.model import At, FromVariable, SourceLoop
from flowc_shim.language import values as v
from flowc_shim.language.paths import PathNotFound, follow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.ir.names import Names
    from flowc.source.model import SourceBudget, SourceRetry, SourceStep

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """Those of one flow. ``given``: the values that the step ``around`` it gives, by name."""

    names: Names
    given: Mapping[str, v.Value]
    around: Settings | None
    diagnostics: Diagnostics

    def of_step(self, step: SourceStep) -> SourceStep:
        """Return ``step`` with what the step around the flow gives in the place of variables."""
        body = step.body
        if isinstance(body, SourceLoop):
            bound = self.fixed(body.concurrency, "`concurrency`", None)
            body = body if bound is None else replace(body, concurrency=bound)
        return replace(
            step,
            body=body,
            timeout=self.at(step.timeout, "`timeout`"),
            resources=self.at(step.resources, "`resources`"),
            retry=None if step.retry is None else self._retry(step.retry),
        )

    def at(self, setting: At[T | FromVariable] | None, what: str) -> At[T | FromVariable] | None:
        """Return :meth:`fixed` of a setting with its place."""
        value = None if setting is None else self.fixed(setting.value, what, setting.span)
        return None if setting is None or value is None else At(value, setting.span)

    def fixed(
        self, setting: T | FromVariable, what: str, at: Span | None
    ) -> T | FromVariable | None:
        """Return ``setting``, or the value or variable that its variable has from a step.

        Reports a variable that is none, or whose value only the run knows, and returns None.
        """
        if not isinstance(setting, v.VariableRef):
            return setting
        written, has_default = at or span_of(setting), setting.default is not None
        self.names.check_variable(setting.name, written, has_default=has_default)
        return self._found(setting, what, written)

    def _found(
        self, setting: v.VariableRef, what: str, written: Span | None
    ) -> FromVariable | None:
        if setting.name not in self.names.variables and setting.default is None:
            return None  # reported where it is written
        if setting.name not in self.given:
            return setting
        given = self.given[setting.name]
        if v.is_constant(given):
            try:
                return v.Literal(follow(v.constant(given), setting.path), setting.at)
            except PathNotFound:
                return self._without_value(setting, what, written)
        if isinstance(given, v.VariableRef) and not (setting.path and given.default):
            outer = v.VariableRef(given.name, (*given.path, *setting.path), given.default, given.at)
            return outer if self.around is None else self.around._found(outer, what, written)
        self.diagnostics.report(
            codes.NOT_A_SUB_FLOW,
            f"{what} is fixed when the flow is compiled, and the step that runs this flow gives "
            f"`{setting.name}` a value that only the run knows",
            written,
            secondary=[(span_of(given), "given here")],
            hint="give it a plain value, or one of a variable",
        )
        return None

    def _without_value(
        self, setting: v.VariableRef, what: str, at: Span | None
    ) -> FromVariable | None:
        if setting.default is not None and v.is_constant(setting.default):
            return v.Literal(v.constant(setting.default), setting.at)
        self.diagnostics.report(
            codes.VARIABLE_WITHOUT_VALUE,
            f"{what} is fixed when the flow is compiled, and what the step gives "
            f"`{setting.name}` has nothing at this path",
            at,
            secondary=[(span_of(self.given[setting.name]), "given here")],
        )
        return None

    def _retry(self, retry: SourceRetry) -> SourceRetry:
        return replace(
            retry,
            user=self._budget(retry.user, "user"),
            platform=self._budget(retry.platform, "platform"),
            timeout=self._budget(retry.timeout, "timeout"),
        )

    def _budget(self, budget: SourceBudget, name: str) -> SourceBudget:
        if budget.max is None:
            return budget
        return replace(budget, max=self.fixed(budget.max, f"`retry.{name}.max`", budget.span))
