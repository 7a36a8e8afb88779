"""The plan: the immutable compiled flow that the shim reads.

A plan holds everything that decides a result and nothing about an engine. It is named by the
digest of its canonical JSON; the shim checks that digest before it trusts a plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.plan_json import (
    step_from_json,
    step_to_json,
    unit_from_json,
    unit_to_json,
    variable_from_json,
    variable_to_json,
)
from flowc_shim.contract.scopes import FINALLY, ROOT
from flowc_shim.language.canonical import digest
from flowc_shim.language.decode import decode_value
from flowc_shim.language.encode import encode_value
from flowc_shim.language.forms import Spelling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.steps import PlanStep, PlanUnit, PlanVariable
    from flowc_shim.language import values as v

PLAN_VERSION = 1


def with_data(given: Json, data: Mapping[str, Json]) -> Json:
    """Return the input of a run that is given ``given``, with the ``data`` of its plan.

    Only a mapping can lack something; a key that is given wins, with null too.
    """
    if not isinstance(given, dict):
        return given
    return {**given, **{key: one for key, one in data.items() if key not in given}}


@dataclass(frozen=True)
class Plan:
    """A compiled flow. ``routes`` and ``classes`` serve flows that arrive as data at run time.

    ``timeout``: seconds of the whole run. ``data``: what the run's input has where nobody gives
    another value, by key: references to files.
    """

    name: str
    steps: Mapping[str, PlanStep]
    units: Mapping[str, PlanUnit]
    output: v.Value
    variables: tuple[PlanVariable, ...] = ()
    classes: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    routes: Json = None
    input_schema: Json = None
    output_schema: Json = None
    step_schemas: Mapping[str, Json] = field(default_factory=dict)
    enforce_schemas: bool = True
    fail_fast: bool = False
    timeout: float | None = None
    data: Mapping[str, Json] = field(default_factory=dict)
    output_may_skip: bool = False
    project: str = ""
    branch: str = ""

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON."""
        return digest(self.to_json())

    @property
    def has_finally(self) -> bool:
        """Whether something runs after everything."""
        return FINALLY in self.scope_steps

    @cached_property
    def scope_steps(self) -> dict[str, tuple[str, ...]]:
        """Return the step paths of each scope, in declared order."""
        found: dict[str, list[str]] = {ROOT: []}
        for path, step in self.steps.items():
            found.setdefault(step.scope, []).append(path)
        return {scope: tuple(paths) for scope, paths in found.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON; the same flow and stack give the same bytes."""
        return {
            "v": PLAN_VERSION,
            "name": self.name,
            "project": self.project,
            "branch": self.branch,
            "steps": {path: step_to_json(step) for path, step in self.steps.items()},
            "order": list(self.steps),
            "units": {unit.id: unit_to_json(unit) for unit in self.units.values()},
            "output": encode_value(self.output),
            "output_may_skip": self.output_may_skip,
            "variables": [variable_to_json(variable) for variable in self.variables],
            "classes": {name: dict(config) for name, config in self.classes.items()},
            "routes": self.routes,
            "schemas": {
                "input": self.input_schema,
                "output": self.output_schema,
                "steps": dict(self.step_schemas),
                "enforce": self.enforce_schemas,
            },
            "fail_fast": self.fail_fast,
            **({} if self.timeout is None else {"timeout": self.timeout}),
            **({"data": dict(self.data)} if self.data else {}),
        }

    @staticmethod
    def from_json(raw: dict[str, Any]) -> Plan:
        """Read back what :meth:`to_json` wrote; raises ValueError on another version."""
        if raw.get("v") != PLAN_VERSION:
            raise ValueError(f"plan version {raw.get('v')!r}, this shim reads {PLAN_VERSION}")
        return Plan(
            name=raw["name"],
            project=raw["project"],
            branch=raw["branch"],
            steps={path: step_from_json(path, raw["steps"][path]) for path in raw["order"]},
            units={key: unit_from_json(key, unit) for key, unit in raw["units"].items()},
            output=decode_value(raw["output"], Spelling.PLAN),
            output_may_skip=raw["output_may_skip"],
            variables=tuple(variable_from_json(item) for item in raw["variables"]),
            classes=raw["classes"],
            routes=raw["routes"],
            input_schema=raw["schemas"]["input"],
            output_schema=raw["schemas"]["output"],
            step_schemas=raw["schemas"]["steps"],
            enforce_schemas=raw["schemas"]["enforce"],
            fail_fast=raw["fail_fast"],
            timeout=raw.get("timeout"),
            data=raw.get("data", {}),
        )
