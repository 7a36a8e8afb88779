"""Flow, stack and project texts, placed; findings as (file, line, code, severity)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flowc.diagnostics import Diagnostics
from flowc.driver import analyse
from flowc.placing import place
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_project import decode_project
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc.ir.placement import Placement

Found = list[tuple[str, int, str, str]]
STACK = """\
plugins: {b: {type: builtin}}
routes: {"/{component}": [{plugin: b}]}
"""


class Placed:
    def __init__(self, placement: Placement | None, diagnostics: Diagnostics) -> None:
        self.placement = placement
        self.diagnostics = diagnostics

    @property
    def found(self) -> Found:
        return [
            (
                d.primary.span.file if d.primary else "",
                d.primary.span.line if d.primary else 0,
                d.code.number,
                d.severity.value,
            )
            for d in self.diagnostics.sorted()
        ]

    @property
    def codes(self) -> list[str]:
        return [d.code.number for d in self.diagnostics.sorted()]

    @property
    def messages(self) -> str:
        return "\n".join(d.message for d in self.diagnostics.sorted())


@pytest.fixture
def placed() -> Callable[..., Placed]:
    def run(
        flow: str,
        stack: str = STACK,
        *,
        project: str | None = None,
        environment: str | None = None,
        name: str = "flow",
        **options: Any,
    ) -> Placed:
        diagnostics = Diagnostics()
        document = read("schema: flowc/v1\n" + flow, "flow.yaml", diagnostics)
        assert document is not None
        source = decode_flow(document, diagnostics)
        assert source is not None
        stack_document = read(stack, "stack.yaml", diagnostics)
        assert stack_document is not None
        stacks = decode_stacks(stack_document, diagnostics, {})
        analysis = analyse(source, diagnostics)
        assert not diagnostics.has_errors, [d.message for d in diagnostics]
        diagnostics.found.clear()
        if project is not None:
            project_document = read(project, "flowc.yaml", diagnostics)
            assert project_document is not None
            decoded = decode_project(project_document, diagnostics, {})
            assert decoded is not None
            assert not diagnostics.has_errors, [d.message for d in diagnostics]
            options["bindings"] = decoded.bindings
            if environment is not None:
                options["environment"] = decoded.environments[environment]
        chosen = stacks.get("default") or next(iter(stacks.values()))
        placement = place(
            analysis.program, chosen, diagnostics=diagnostics, flow=name, stacks=stacks, **options
        )
        return Placed(placement, diagnostics)

    return run
