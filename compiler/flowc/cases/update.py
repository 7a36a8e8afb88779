"""Rewriting what cases expect, in the file, with everything else left as it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from flowc.diagnostics import Diagnostics
from flowc.source.yaml_reader import read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.json_types import Json


class UpdateError(ValueError):
    """The file cannot be rewritten in place; it is left as it is."""


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str


def updated_text(text: str, outputs: Mapping[int, Json]) -> str:
    """Return ``text`` with the ``output`` of the cases at these indices replaced.

    Raises UpdateError if the result would not read back as the same file with those outputs.
    """
    edits = [_edit(text, _case(text, index), output) for index, output in outputs.items()]
    result = text
    newline = "\r\n" if "\r\n" in text else "\n"
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        written = edit.text.replace("\n", newline)
        result = result[: edit.start] + written + result[edit.end :]
    _check(text, result, outputs)
    return result


def _case(text: str, index: int) -> yaml.MappingNode:
    try:
        node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise UpdateError(str(error)) from error
    for key in ("test", "cases"):
        node = _member(node, key)
    found = node.value[index] if isinstance(node, yaml.SequenceNode) else None
    if not isinstance(found, yaml.MappingNode):
        raise UpdateError("the cases are not where they were")
    return found


def _member(node: Any, key: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        for key_node, value in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.value == key:
                return value
    return None


def _edit(text: str, case: yaml.MappingNode, output: Json) -> _Edit:
    old = _member(case, "output")
    if case.flow_style:
        return _flow_edit(text, case, old, output)
    indent = " " * case.start_mark.column
    if old is None:
        end = _end(text, case.start_mark.index, case.end_mark.index)
        return _Edit(end, end, f"\n{indent}output:{_block(output, indent)}")
    start = text.rindex(":", 0, old.start_mark.index) + 1 if old.start_mark.index else 0
    return _Edit(start, _end(text, start, old.end_mark.index), _block(output, indent))


def _flow_edit(text: str, case: yaml.MappingNode, old: Any, output: Json) -> _Edit:
    written = json.dumps(output, ensure_ascii=False)
    if old is not None:
        return _Edit(old.start_mark.index, old.end_mark.index, written)
    close = case.end_mark.index - 1  # the brace
    comma = ", " if case.value else ""
    return _Edit(close, close, f'{comma}"output": {written}')


def _end(text: str, start: int, end: int) -> int:
    """Return where a block's own text ends: blank lines and comments behind it are not its own."""
    lines = text[start:end].split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return start + len("\n".join(lines).rstrip())


def _block(output: Json, indent: str) -> str:
    dumped = yaml.safe_dump(
        output, sort_keys=False, allow_unicode=True, width=1_000_000, default_flow_style=False
    )
    if not isinstance(output, (dict, list)) or not output:
        return f" {json.dumps(output, ensure_ascii=False)}"
    lines = [f"{indent}  {line}" if line else line for line in dumped.rstrip("\n").split("\n")]
    return "\n" + "\n".join(lines)


def _check(before: str, after: str, outputs: Mapping[int, Json]) -> None:
    old, new = _plain(before), _plain(after)
    for index, output in outputs.items():
        old["test"]["cases"][index]["output"] = output
    if _exact(old) != _exact(new):
        raise UpdateError("the file cannot be rewritten without changing more than the cases")


def _plain(text: str) -> Any:
    document = read(text, "", Diagnostics())
    if document is None:
        raise UpdateError("the rewritten file cannot be read")
    # By way of text: aliases are one object here, and would change together.
    return json.loads(json.dumps(document.root))


def _exact(value: Any) -> str:
    # As text: 1, 1.0 and true are equal to each other in Python.
    return json.dumps(value, sort_keys=True)
