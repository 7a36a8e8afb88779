"""Leaf templates: one per class of pods, shared by all tasks of that class.

Retry strategy, resources, environment and service account live on the template in Argo, so a class
is what agrees in all of these; what differs from task to task are input parameters.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.policies import DEFAULT_RETRY, Budget, Retry
from flowc_shim.contract.verdict import FINAL_CODES, Status, Verdict
from flowc_targets.argo.pods import PodSettings, container, scheduling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.ir.layout import Unit
    from flowc_targets.argo.means import Means

HELD_WAIT = 30
"""Longest wait before a re-try that a shim sleeps through itself, exactly; seconds."""

BOOT_SECONDS = 600
"""What the backstop allows for pulling images and starting, besides what the unit may take."""

VERDICT_PATH = "/tmp/flowc/verdict.json"  # noqa: S108 (an empty volume of the pod's own)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LeafClass:
    """What the pods of a leaf template have in common.

    ``kind``: ``run`` (a unit), ``open`` (a unit whose verdict has a count), ``ask`` (a guard),
    ``settle``, ``conclude`` or ``finish``. ``settles``: units that it settles. ``first``: it may be
    the first to put the run's input into the store. ``scoped``: it runs inside a loop. ``listed``:
    its steps are an argument, because the unit's id does not say them. ``means``: what it may do
    that others may not.
    """

    kind: str
    settles: int = 0
    first: bool = False
    scoped: bool = False
    listed: bool = False
    retry: tuple[int, int, int, int] = (0, 0, 0, 0)
    deadline: int | None = None
    unit: Unit | None = field(default=None, compare=False)
    """Some unit of the class, for its resources; None for a waiting container."""
    needs: str = ""
    means: Means | None = None

    @property
    def name(self) -> str:
        """Return the template's name: readable, and never that of a DAG template."""
        words = [self.kind]
        words += ["first"] if self.first and self.kind not in ("conclude", "finish") else []
        words += ["scoped"] if self.scoped else []
        words += ["settle"] if self.settles and self.kind != "settle" else []
        words += [str(self.settles)] if self.settles else []
        words += ["chain"] if self.listed else []
        special = [self.retry, self.deadline, self.needs]
        if self.means is not None:
            special.append(self.means.value)
            words.append(self.means.word)
        if special != [_LIGHT_RETRY, None, ""]:
            words.append(hashlib.sha256(json.dumps(special).encode()).hexdigest()[:6])
        return "-".join(words)


def engine_retry(retry: Retry) -> tuple[int, int, int, int]:
    """Return limit, and seconds, factor and cap of the back-off between pods.

    The shim waits up to ``HELD_WAIT`` seconds itself, exactly and with jitter. So the engine's own
    back-off is as good as none if no wait is longer: it also delays the verdict on a final failure
    (``processNodeRetries`` looks at ``backoff`` before ``expression``). For longer waits the engine
    never waits less than any class asks for; its factor is an integer.
    """
    budgets = [b for b in (retry.user, retry.platform, retry.timeout) if b.max > 0]
    limit = sum(budget.max for budget in budgets)
    if all(_longest(budget) <= HELD_WAIT for budget in budgets):
        return limit, 1, 2, HELD_WAIT
    return (
        limit,
        max(1, math.ceil(max(budget.delay for budget in budgets))),
        max(1, math.ceil(max(budget.factor for budget in budgets))),
        max(1, math.ceil(max(budget.cap for budget in budgets))),
    )


def _longest(budget: Budget) -> float:
    return max(budget.wait(1), budget.wait(budget.max))


STATUS = (
    "{{=workflow.failures contains 'workflow shutdown with strategy: ' "
    "? 'Stopped' : workflow.status}}"
)
"""What became of a Workflow, in its exit handler: there one that was stopped is plainly ``Failed``,
and only the words about its nodes tell (``applyExecutionControl``)."""

_COMMANDS = {"run": "run-unit", "open": "run-unit", "conclude": "conclude", "finish": "finish"}
_LIGHT_RETRY = engine_retry(DEFAULT_RETRY)


def unit_class(unit: Unit, *, settles: int, first: bool, scoped: bool) -> LeafClass:
    """Return the class of the pods that run ``unit``."""
    bound = unit.time_bound
    needs = ""
    if unit.needs is not None or unit.profile is not None:
        profile = unit.profile.name if unit.profile else ""
        own = unit.needs
        numbers = [own.cpu, own.memory, own.disk, own.gpu] if own else []
        needs = json.dumps([profile, numbers])
    return LeafClass(
        kind="open" if unit.kind in ("open", "next") else "run",
        settles=settles,
        first=first,
        scoped=scoped,
        listed=unit.steps != (unit.id,) and unit.kind == "steps",
        retry=engine_retry(unit.retry),
        deadline=None if bound is None else math.ceil(bound) + BOOT_SECONDS,
        unit=unit if needs else None,
        needs=needs,
    )


def light_class(
    kind: str, *, settles: int = 0, first: bool = False, scoped: bool = False
) -> LeafClass:
    """Return the class of ``ask``, ``settle`` and ``finish`` pods: small, and retried as usual."""
    return LeafClass(kind, settles, first, scoped, retry=_LIGHT_RETRY)


def leaf_template(leaf: LeafClass, settings: PodSettings) -> Document:
    """Return the template of ``leaf``."""
    template: Document = {"name": leaf.name}
    parameters = _parameters(leaf)
    if parameters:
        template["inputs"] = {"parameters": [{"name": name} for name in parameters]}
    notes = _annotations(leaf, parameters)
    if notes:
        template["metadata"] = {"annotations": notes}
    verdict = _verdict(leaf)
    if verdict is not None:
        template["outputs"] = {"parameters": [{"name": "verdict", "valueFrom": verdict}]}
    if leaf.retry[0] > 0:
        template["retryStrategy"] = _retry_strategy(leaf.retry)
    if leaf.deadline is not None:
        template["activeDeadlineSeconds"] = leaf.deadline
    profile = leaf.unit.profile if leaf.unit else None
    template.update(scheduling(profile))
    template["container"] = container(
        settings,
        _arguments(leaf, settings.digest),
        with_input=leaf.first,
        verdict_path=VERDICT_PATH if verdict is not None else None,
        needs=leaf.unit.needs if leaf.unit else None,
    )
    if leaf.means is not None:
        template["serviceAccountName"] = leaf.means.account
        template["container"]["env"].extend(leaf.means.environment)
    return template


def settle_parameters(count: int) -> list[str]:
    """Return the names of the parameters that say what became of other units."""
    return [f"settle-{number}" for number in range(1, count + 1)]


def _parameters(leaf: LeafClass) -> list[str]:
    names = ["unit"] if leaf.kind in ("run", "open", "ask") else []
    names += ["scope"] if leaf.scoped else []
    names += ["steps"] if leaf.listed else []
    return names + settle_parameters(leaf.settles)


def _annotations(leaf: LeafClass, parameters: Sequence[str]) -> dict[str, str]:
    """Return what the pod says of itself; the id of a unit of one step is that step's path."""
    shown = [("unit", "unit"), ("scope", "scope")]
    shown.append(("steps", "steps" if leaf.listed else "unit"))
    return {
        f"flowc.dev/{note}": f"{{{{inputs.parameters.{name}}}}}"
        for note, name in shown
        if name in parameters and not (note == "steps" and leaf.kind != "run")
    }


def _verdict(leaf: LeafClass) -> Document | None:
    """Return where the engine finds the verdict, if anything of it is read.

    No verdict means "start and look" (engine rule 1), which a guard can say. There is no harmless
    default for a count: the loop's pod fails and is tried again, which repeats nothing.
    """
    if leaf.kind == "ask":
        start = Verdict(Status.DONE).to_json()
        return {"path": VERDICT_PATH, "default": json.dumps(start)}
    return {"path": VERDICT_PATH} if leaf.kind == "open" else None


def _retry_strategy(retry: tuple[int, int, int, int]) -> Document:
    """Return when Argo starts another pod; ``lastRetry.exitCode`` is "-1" when unknown."""
    limit, seconds, factor, cap = retry
    final = ", ".join(f"'{code}'" for code in FINAL_CODES)
    return {
        "limit": limit,
        "retryPolicy": "Always",
        "expression": f"lastRetry.exitCode not in [{final}]",
        "backoff": {"duration": f"{seconds}s", "factor": factor, "cap": f"{cap}s"},
    }


def _arguments(leaf: LeafClass, digest: str) -> list[str]:
    command = _COMMANDS.get(leaf.kind, "decide")
    # `--key=value` throughout: an id may begin with a hyphen
    arguments = [command, f"--plan={digest}", "--run={{workflow.uid}}"]
    if leaf.kind in ("run", "open"):
        arguments.append("--unit={{inputs.parameters.unit}}")
    elif leaf.kind == "ask":
        arguments.append("--ask={{inputs.parameters.unit}}")
    elif leaf.kind in ("conclude", "finish"):
        arguments.append(f"--status={STATUS}")
    if leaf.scoped:
        arguments.append("--scope={{inputs.parameters.scope}}")
    for name in settle_parameters(leaf.settles):
        arguments.append(f"--settle={{{{inputs.parameters.{name}}}}}")
    return arguments
