"""What the emitter writes, every reader reads back as the same data."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowc.diagnostics import Diagnostics
from flowc.source import yaml_reader
from flowc_targets._shared.yaml_emitter import emit, emit_documents

ODD = [
    "", " ", "yes", "No", "on", "y", "N", "null", "~", "true", "12:30:45", "1_000", "0o17", "010",
    "0x1f", "1e3", ".5", ".inf", "-", "---", "...", "- a", "a: b", "a #b", "#", "*a", "&a", "!a",
    "<<", "=", "%", "@", "`", "{{a}}", "2024-01-01", "a\nb", "a\nb\n", "a\n\nb\n\n", "\na", " a\nb",
    "a\n b\n", "a \nb", "a\n \nb", "\t", "a\tb", "a\n\tb\n", "\x00", "\x7f", "\x85", "\u2028",
    "\ufeff", "\ufffe", "😀", "é\n日本\n", "'", '"', "\\", "a\r\nb", "|", ">", "x" * 2000,
    "a\n---\nb", "#a\nb", "a\n#b\n", "? a", "_", "_1", "1.", "+1", "a\x85\nb", "a\u2028\nb\n",
]  # fmt: skip

texts = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.text("ab \n\t#:-'\"{}\\|>&*!%@`é😀", max_size=12),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
)
data = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=20,
)


def ours(text: str) -> Any:
    diagnostics = Diagnostics()
    document = yaml_reader.read(text, "out.yaml", diagnostics)
    assert document is not None and not list(diagnostics), list(diagnostics)
    return document.root


def same(left: Any, right: Any) -> bool:
    """Equality that tells 1 from 1.0 and from true, and -0.0 from 0.0."""
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and repr(left) == repr(right)


@settings(max_examples=300, deadline=None)
@given(data)
@example({text: [text, {text: text}] for text in ODD})
@example([[[1, [2]], []], {}, {"a": {}}, [{"a": 1, "b": [1, {"c": 2}]}]])
@example({"x": [1e16, 1e-7, 1.5e300, -0.0, 5e-324, 0.1]})
@example({"k" * 1100: {"a": 1}, "l": [{"m" * 1100: [1]}]})
def test_round_trip(value: Any) -> None:
    text = emit(value)
    assert same(yaml.load(text, Loader=yaml.CSafeLoader), value)
    assert same(yaml.load(text, Loader=yaml.SafeLoader), value)
    if value is not None:
        assert same(ours(text), value)


@settings(max_examples=300, deadline=None)
@given(st.lists(data, min_size=1, max_size=4))
def test_documents(values: list[Any]) -> None:
    text = emit_documents(values)
    assert same(list(yaml.load_all(text, Loader=yaml.CSafeLoader)), values)
    assert same(list(yaml.load_all(text, Loader=yaml.SafeLoader)), values)


def test_look() -> None:
    shared = {"cpu": "500m"}
    manifest = {
        "kind": "WorkflowTemplate",
        "metadata": {"labels": {}, "name": "a-b"},
        "spec": {
            "args": ["{{inputs.parameters.x}}", "a\nb", "no", 1e16],
            "items": [shared, shared, [1, [2]]],
            "script": "set -e\n\necho hi\n",
            "long": "word " * 40,
        },
    }
    assert emit(manifest) == (
        "kind: WorkflowTemplate\n"
        "metadata:\n"
        "  labels: {}\n"
        "  name: a-b\n"
        "spec:\n"
        "  args:\n"
        '  - "{{inputs.parameters.x}}"\n'
        "  - |-\n"
        "    a\n"
        "    b\n"
        '  - "no"\n'
        "  - 1.0e+16\n"
        "  items:\n"
        '  - cpu: "500m"\n'
        '  - cpu: "500m"\n'
        "  -\n"
        "    - 1\n"
        "    -\n"
        "      - 2\n"
        "  script: |\n"
        "    set -e\n"
        "\n"
        "    echo hi\n"
        f'  long: "{"word " * 40}"\n'
    )


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), float("-inf"), "\ud800", "a\n\ud800"]
)
def test_values_without_a_form(value: Any) -> None:
    with pytest.raises(ValueError):
        emit({"a": [value]})


class _Text(str):
    """A subclass, as enumerations of words are."""


@pytest.mark.parametrize("value", [(1, 2), {1}, b"a", object(), _Text("a"), {1: 2}, {None: 1}])
def test_types_without_a_form(value: Any) -> None:
    with pytest.raises(TypeError):
        emit({"a": value})
