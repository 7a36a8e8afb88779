"""What no finding may show: plain values of secret variables, and all of a file nobody can read."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc.diagnostics import Diagnostic, Diagnostics
    from flowc.source.model import SourceFlow
    from flowc.source.project_model import Project
    from flowc.source.stack_model import Stack
    from flowc_shim.contract.json_types import Json


_KEY = re.compile(r"""[ \t]*(?:-[ \t]+)*["']?[A-Za-z_][\w.-]*["']?[ \t]*:(?=\s|$)""")
_HIDDEN = re.compile(r"""[^\s{}\[\],:"']""")
"""What is hidden of a value: all but what YAML's syntax is made of, where most mistakes are."""

_NAME = re.compile(r"`([&*!])[^`]+`")


def conceal_unread(file: str, before: int, texts: dict[str, str], diagnostics: Diagnostics) -> None:
    """Hide the values of a file in which its reader found anything: findings from ``before`` on.

    Which of its texts are secret is known once it is decoded: of one that is no proper YAML nothing
    that stands behind a key is shown.
    """
    found = diagnostics.found[before:]
    if found and file in texts:
        texts[file] = _without_values(texts[file])
        diagnostics.found[before:] = map(_without_names, found)


def _without_values(text: str) -> str:
    """Return YAML with stars for what stands behind the first key of each line, width for width."""
    return "".join(map(_without_value, text.splitlines(keepends=True)))


def _without_value(line: str) -> str:
    key = _KEY.match(line)
    end = key.end() if key else 0
    return line[:end] + _HIDDEN.sub("*", line[end:])


def _without_names(finding: Diagnostic) -> Diagnostic:
    """Return a finding about YAML without names of anchors and tags: they may be passwords."""
    message = _NAME.sub(r"`\1…`", finding.message)
    hint = None if finding.hint is None else _NAME.sub(r"`\1…`", finding.hint)
    return replace(finding, message=message, hint=hint)


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
