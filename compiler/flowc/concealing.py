"""Plain values of a flow's secret variables, which no finding may show, whatever it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc.diagnostics import Diagnostics
    from flowc.source.model import SourceFlow
    from flowc.source.project_model import Project
    from flowc.source.stack_model import Stack
    from flowc_shim.contract.json_types import Json


def conceal_secrets(
    flow: SourceFlow, project: Project | None, stacks: Iterable[Stack], diagnostics: Diagnostics
) -> None:
    """Conceal what environments and stacks give to variables that ``flow`` declares secret."""
    secret = [variable.name for variable in flow.variables if variable.is_secret]
    defaults = {variable.name: variable.default for variable in flow.variables}
    given: list[Mapping[str, Json]] = [defaults, *(stack.variables for stack in stacks)]
    if project is not None:
        given += [environment.variables for environment in project.environments.values()]
    for values in given:
        for name in secret:
            for text in texts_in(values.get(name)):
                diagnostics.conceal(text)


def texts_in(value: Json) -> list[str]:
    """Return what of a plain value may stand in a file, line by line; a secret's name is none."""
    if value is None or (isinstance(value, dict) and set(value) == {"secret"}):
        return []
    if isinstance(value, dict):
        return [text for member in value.values() for text in texts_in(member)]
    if isinstance(value, list):
        return [text for member in value for text in texts_in(member)]
    return [line for line in str(value).splitlines() if line]
