"""Numbers that may be `{$variable: …}` in a flow and are fixed when it is compiled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.ir.references import span_of
from flowc.source.decode_policies import parse_count, parse_positive, parse_timeout
from flowc.source.fields import describe
from flowc.source.quantities import QuantityError
from flowc_shim.contract.policies import DEFAULT_RETRY, Budget, Retry
from flowc_shim.language import values as v
from flowc_shim.language.paths import PathNotFound, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set

    from flowc.ir.model import Loop
    from flowc.source.model import At, FromVariable, SourceBudget, SourceRetry
    from flowc_shim.contract.json_types import Json

T = TypeVar("T")
MISSING = object()
"""A variable that has no value when the flow is compiled (reported)."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Values of variables as far as they are known when a flow is compiled.

    ``given``: those whose value comes with the start of a run, whatever else it is said to be.
    """

    known: Mapping[str, Json]
    given: Set[str]
    diagnostics: Diagnostics

    def look_up(self, ref: FromVariable, what: str, at: Span | None) -> object:
        """Return the value of ``ref``, or MISSING."""
        if isinstance(ref, v.Literal):
            return ref.value
        if ref.name in self.given:
            self._without_value(
                f"{what} is fixed when the flow is compiled, and variable `{ref.name}` "
                "has its value from whoever starts a run",
                at,
                "write a plain value, or a variable that no step gives",
            )
            return MISSING
        if ref.name in self.known:
            try:
                return follow(self.known[ref.name], ref.path)
            except PathNotFound:
                pass
        if ref.default is not None and v.is_constant(ref.default):
            return v.constant(ref.default)
        self._without_value(
            f"{what} is fixed when the flow is compiled, and variable `{ref.name}` "
            "has no value by then",
            at,
            "give it a value in the environment or stack, or a `default`",
        )
        return MISSING

    def _without_value(self, message: str, at: Span | None, hint: str) -> None:
        self.diagnostics.report(codes.VARIABLE_WITHOUT_VALUE, message, at, hint=hint)

    def number(
        self, ref: FromVariable, what: str, at: Span | None, parse: Callable[[object], T]
    ) -> T | None:
        """Return what ``parse`` makes of the value of ``ref``, or None (reported)."""
        value = self.look_up(ref, what, at)
        if value is MISSING:
            return None
        try:
            return parse(value)
        except QuantityError as error:
            self.diagnostics.report(
                codes.WRONG_TYPE,
                f"{what} {error}, and {_named(ref)} is {describe(value)}",
                at,
                hint=error.hint,
            )
            return None

    def timeout(self, timeout: At[float | FromVariable] | None) -> float | None:
        """Return the seconds of a ``timeout``, of a step or of the flow."""
        if timeout is None:
            return None
        value, at = timeout.value, timeout.span
        if not isinstance(value, float | int):
            return self.number(value, "`timeout`", at, parse_timeout)
        return value

    def concurrency(self, loop: Loop, at: Span) -> int:
        """Return the bound of a loop's ``concurrency``."""
        if not isinstance(loop.concurrency, int):
            where = span_of(loop.concurrency) or at
            return self.number(loop.concurrency, "`concurrency`", where, parse_positive) or 1
        return loop.concurrency

    def retry(self, source: SourceRetry | None) -> Retry:
        """Return the budgets of a step, defaults filled in."""
        if source is None:
            return DEFAULT_RETRY
        return Retry(
            user=self._budget(source.user, DEFAULT_RETRY.user, "user"),
            platform=self._budget(source.platform, DEFAULT_RETRY.platform, "platform"),
            timeout=self._budget(source.timeout, DEFAULT_RETRY.timeout, "timeout"),
            condition=source.condition,
        )

    def _budget(self, source: SourceBudget, default: Budget, name: str) -> Budget:
        most = source.max
        if most is not None and not isinstance(most, int):
            where = span_of(most) or source.span
            most = self.number(most, f"`retry.{name}.max`", where, parse_count)
        budget = Budget(
            max=default.max if most is None else most,
            delay=default.delay if source.delay is None else source.delay,
            factor=default.factor if source.factor is None else source.factor,
            cap=default.cap if source.cap is None else source.cap,
            jitter=default.jitter if source.jitter is None else source.jitter,
        )
        # A delay above the default cap was meant as written, not to be cut short by the default.
        if source.cap is None and budget.delay > budget.cap:
            budget = replace(budget, cap=budget.delay)
        return budget


def _named(ref: FromVariable) -> str:
    if isinstance(ref, v.Literal):
        return "what the step gives the flow"
    return f"variable `{ref.name}`"
