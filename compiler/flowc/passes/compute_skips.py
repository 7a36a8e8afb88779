"""Find out which steps may end `skipped`.

Normative text: section 4 of ``docs/language.md``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowc.ir.graph import in_order
from flowc.ir.model import Program, Step, While, may_lack
from flowc.ir.references import StepUse, step_uses
from flowc.passes.check_cycles import scope_edges
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from flowc.passes.context import Context


def compute_skips(program: Program, ctx: Context) -> Program:
    """Set ``may_skip`` on every step, outer scopes first."""
    steps = dict(program.steps)
    for scope in program.scopes:
        for path in in_order(scope_edges(program, scope)):
            step = steps[path]
            steps[path] = replace(step, may_skip=_may_skip(step, steps))
    return replace(program, steps=steps)


def _never_false(condition: v.Condition) -> bool:
    return isinstance(condition.value, v.Literal) and condition.value.value is True


def _may_skip(step: Step, steps: dict[str, Step]) -> bool:
    if step.on_error.skip or (step.when is not None and not _never_false(step.when)):
        return True
    own = own_uses(step)
    if step.join_any:
        # a reference behind a condition may not be reached: then it is no edge
        sure = [*(use.step for use in own if not use.conditions), *step.needs]
        return bool(own or step.needs) and all(may_lack(step, steps[path]) for path in sure)
    strict = [use.step for use in own if not use.tolerant]
    return any(may_lack(step, steps[path]) for path in (*strict, *step.needs))


def own_uses(step: Step) -> list[StepUse]:
    """Return the uses by the step's own values (a loop's body skips by itself)."""
    values = list(step.body.values())
    if step.cache is not None and step.cache.key is not None:
        values.append(step.cache.key)
    if isinstance(step.body, While):  # tested before there is a pass to skip
        values.append(step.body.condition.value)
    if step.when is not None:
        values.append(step.when.value)
    return [use for value in values for use in step_uses(value)]
