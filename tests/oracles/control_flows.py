"""Random flows of steps that skip, fail and join; every choice is one of ``choose``.

``choose(n)`` gives a number below ``n``: hypothesis draws it, or a seeded generator.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.oracles.meaning import FAILING, uses

Choose = Callable[[int], int]
INPUT = {"p": True, "q": False, "m": 1, "n": 4, "z": None}
_ECHO = "/builtin/noop"


def flow_of_seed(seed: int, most: int = 8) -> dict[str, Any]:
    """Return the flow of a number."""
    return control_flow(Random(seed).randrange, most)


def control_flow(choose: Choose, most: int = 8) -> dict[str, Any]:
    """Return a flow of up to ``most`` steps that compiles."""
    maker = _Maker(choose)
    for _ in range(2 + choose(most - 1)):
        maker.add_step()
    output = maker.value(maker.names, 3, maker.may_skip)
    steps = [maker.steps.pop(choose(len(maker.steps))) for _ in range(len(maker.steps))]
    return {"schema": "flowc/v1", "name": "random", "steps": steps, "output": output}


class _Maker:
    def __init__(self, choose: Choose) -> None:
        self.choose = choose
        self.steps: list[dict[str, Any]] = []
        self.names: list[str] = []
        self.may_skip: set[str] = set()

    def pick(self, options: list[Any]) -> Any:
        return options[self.choose(len(options))]

    def one_in(self, n: int) -> bool:
        return self.choose(n) == n - 1

    def add_step(self) -> None:
        name = f"s{len(self.names)}"
        step: dict[str, Any] = {"id": name, "component": _ECHO}
        join_any = bool(self.names) and self.one_in(3)
        if self.names and (join_any or self.one_in(3)):
            needs = [self.pick(self.names) for _ in range(1 + self.choose(3))]
            step["needs"] = list(dict.fromkeys(needs))
        strict_only = self.may_skip if join_any else set()
        if self.one_in(3):
            step["when"] = self.condition(self.names, strict_only)
        if self.one_in(7):
            step |= {"component": FAILING, "input": {"name": "bob"}}
        else:
            step["input"] = self.value(self.names, 2, strict_only)
        if join_any:
            step["join"] = "any"
        if self.one_in(3) or (step["component"] == FAILING and self.one_in(2)):
            default = self.value(self.names, 1, set()) if self.one_in(2) else 3
            step["onError"] = {"action": "useDefault", "defaultValue": default}
        if self._skips(step):
            self.may_skip.add(name)
        self.names.append(name)
        self.steps.append(step)

    def _skips(self, step: dict[str, Any]) -> bool:
        """Whether the step may end skipped, for keeping to what compiles."""
        when = uses({"$expr": step["when"]}) if "when" in step else ()
        edges = [*uses(step.get("input")), *when]
        needs = step.get("needs", [])
        if "when" in step:
            return True
        if step.get("join") == "any":
            sure = [u.step for u in edges if not u.conditions] + needs
            return bool(edges or needs) and all(name in self.may_skip for name in sure)
        strict = [use.step for use in edges if not use.tolerant]
        return any(name in self.may_skip for name in strict + needs)

    def value(self, steps: list[str], depth: int, tolerant: set[str]) -> Any:
        """A value; strict references to any of ``tolerant`` are not in it."""
        kind = self.choose(4 if depth == 0 else 10)
        if kind < 2 and steps:
            return self.reference(steps, tolerant)
        if kind == 2:
            return {"$input": self.pick([*INPUT, *INPUT, *INPUT, "missing"])}
        if kind < 4:
            return self.pick([0, 1, 3, None, True, False, "text"])
        if kind < 7:
            found = {"$if": self.test(steps, tolerant)}
            found["then"] = self.value(steps, depth - 1, tolerant)
            return found | (
                {} if self.one_in(3) else {"else": self.value(steps, depth - 1, tolerant)}
            )
        if kind == 7:
            count = 1 + self.choose(2)
            return {"$coalesce": [self.value(steps, depth - 1, tolerant) for _ in range(count)]}
        members = [self.value(steps, depth - 1, tolerant) for _ in range(1 + self.choose(2))]
        return members if kind == 8 else {f"k{i}": m for i, m in enumerate(members)}

    def reference(self, steps: list[str], tolerant: set[str]) -> dict[str, Any]:
        step = self.pick(steps)
        if step in tolerant or self.one_in(3):
            return {"$step": step, "onSkip": self.pick([None, 2, {"$input": "n"}])}
        return {"$step": step}

    def test(self, steps: list[str], tolerant: set[str]) -> Any:
        if self.one_in(2):
            return {"$expr": self.condition(steps, tolerant)}
        if steps and self.one_in(2):
            return self.reference(steps, tolerant)
        return {"$input": self.pick([*INPUT])}

    def condition(self, steps: list[str], tolerant: set[str]) -> str:
        one = self._comparison(steps, tolerant)
        return f"{one} && {self._comparison(steps, tolerant)}" if self.one_in(4) else one

    def _comparison(self, steps: list[str], tolerant: set[str]) -> str:
        kind = self.choose(4)
        if kind == 0 and steps:
            return f"{self.pick(['', '!'])}has(steps.{self.pick(steps)})"
        strict = [name for name in steps if name not in tolerant]
        if kind == 1 and strict:
            return f"steps.{self.pick(strict)} > {self.choose(3)}"
        return f"input.{self.pick(['m', 'n', 'n', 'm', 'm', 'n', 'z'])} > {self.choose(3)}"
