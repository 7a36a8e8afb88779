"""What a program's declared schemas say of its references; only what is certain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowc.ir.model import Loop, While
from flowc.json_schema import Lead, follow_schema, item_schema, schema_problem, types_of
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from flowc.ir.model import Program
    from flowc.source.model import At
    from flowc_shim.contract.json_types import Json

UNKNOWN: Json = True
"""The schema of a value of which nothing is known."""


@dataclass(slots=True)
class DeclaredSchemas:
    """Schemas by what they describe; an invalid one (reported elsewhere) counts as unknown."""

    program: Program
    _steps: dict[str, Json] = field(default_factory=dict)
    _items: dict[str, Json] = field(default_factory=dict)

    def input(self) -> Json:
        """Return the schema of the run's input."""
        return _valid(self.program.input_schema)

    def variable(self, name: str) -> Json:
        """Return the schema of a variable whose value is sure to be held against it."""
        for variable in self.program.variables:
            if variable.name == name:
                outside = variable.env_var is not None or variable.is_secret
                return UNKNOWN if outside else _sound(variable.schema)
        return UNKNOWN

    def step(self, path: str) -> Json:
        """Return the schema of what a step that ran puts out."""
        if path not in self._steps:
            self._steps[path] = self._step(path)
        return self._steps[path]

    def _step(self, path: str) -> Json:
        step = self.program.steps.get(path)
        if step is None or step.on_error.handles:  # a default may be anything
            return UNKNOWN
        if isinstance(step.body, Loop) and step.body.flow is not None:
            return _valid(step.body.flow.output_schema)
        if isinstance(step.body, Loop):
            return {"type": "array"}
        if isinstance(step.body, While):  # the first state, or what a pass makes of it
            return UNKNOWN
        if path in self.program.step_schemas:
            return _valid(self.program.step_schemas[path])
        return UNKNOWN if step.output_schema is None else _sound(step.output_schema)

    def item(self, loop: str | None) -> Json:
        """Return the schema of the current item of the loop at a path."""
        if loop is None or loop not in self.program.steps:
            return UNKNOWN
        if loop not in self._items:
            body = self.program.steps[loop].body
            self._items[loop] = self._item(body) if isinstance(body, Loop) else UNKNOWN
        return self._items[loop]

    def _item(self, loop: Loop) -> Json:
        if loop.flow is not None:
            variables = {name: _sound(schema) for name, schema in loop.flow.variables.items()}
            return {
                "type": "object",
                "properties": {
                    "input": _valid(loop.flow.input_schema),
                    "variables": {"type": "object", "properties": variables},
                },
            }
        if loop.items is not None:
            return item_schema(self.of(loop.items))
        return {
            "type": "object",
            "properties": {name: item_schema(self.of(value)) for name, value in loop.product},
            "additionalProperties": False,
        }

    def of(self, value: v.Value) -> Json:
        """Return the schema of a value, UNKNOWN if nothing certain is declared of it."""
        if v.is_constant(value):
            return _of_constant(v.constant(value))
        if isinstance(value, v.InputRef):
            return _at(self.input(), value.path)
        if isinstance(value, v.VariableRef):
            return UNKNOWN if value.default else _at(self.variable(value.name), value.path)
        if isinstance(value, v.ItemRef):
            return _at(self.item(value.loop), value.path)
        if isinstance(value, (v.IndexRef, v.IterationRef)):
            return {"type": "integer"}
        if isinstance(value, v.StepRef) and not value.tolerant:
            return self._of_step(value)
        return UNKNOWN

    def _of_step(self, ref: v.StepRef) -> Json:
        schema = self.step(ref.step)
        types = types_of(schema)
        # An output of null gives null whatever the path.
        if ref.path and (types is None or "null" in types):
            return UNKNOWN
        return _at(schema, ref.path)


def _at(schema: Json, path: tuple[str | int, ...]) -> Json:
    found = follow_schema(schema, path)
    return found.schema if found.lead is Lead.SOMEWHERE else UNKNOWN


def _of_constant(value: Json) -> Json:
    if isinstance(value, list):
        return {"type": "array", "items": {"enum": value}} if value else {"type": "array"}
    return {"const": value}


def _valid(schema: At[Json] | None) -> Json:
    return UNKNOWN if schema is None else _sound(schema.value)


def _sound(schema: Json) -> Json:
    return schema if schema_problem(schema) is None else UNKNOWN
