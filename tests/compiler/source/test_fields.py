"""The mechanism under the decoders: hints, nothing raised whatever a file holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowc.diagnostics import Diagnostics, Span
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_project import decode_project
from flowc.source.decode_stack import decode_stacks
from flowc.source.fields import alternatives, describe, nearest
from flowc.source.flow_schemas import implicit_default
from flowc.source.text_spans import content_span, part_span
from flowc.source.yaml_reader import read

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("timout", "timeout"),
        ("on_error", "onError"),
        ("mustexecute", "mustExecute"),
        ("zzz", None),
        ("", None),
    ],
)
def test_nearest(word: str, meant: str | None) -> None:
    assert nearest(word, ["timeout", "onError", "mustExecute"]) == meant


def test_words() -> None:
    assert alternatives(["a", "b", "c"]) == "`a`, `b` or `c`"
    assert alternatives(["a"]) == "`a`"
    raws = [None, True, "x", "", "a\nb", 3, [], {}]
    assert [describe(raw) for raw in raws] == [
        "null", "`true`", "`x`", "a text", "a text", "`3`", "a list", "a mapping",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "default"),
    [
        ({"type": "string"}, (True, "")),
        ({"type": "number"}, (True, 0)),
        ({"type": "boolean"}, (True, False)),
        ({"type": ["string", "null"]}, (True, None)),
        ({"type": "string", "nullable": True}, (True, None)),
        ({"type": "array"}, (False, None)),
        ({}, (False, None)),
        (True, (False, None)),
    ],
)
def test_implicit_defaults(schema: Any, default: tuple[bool, Any]) -> None:
    assert implicit_default(schema) == default


@pytest.mark.parametrize(
    ("line", "column", "text", "content"),
    [
        ("when: a > b", 7, "a > b", (7, 5)),
        ('when: "a > b"', 7, "a > b", (8, 5)),
        (r'when: "a > \"b\""', 7, 'a > "b"', (7, 11)),
        ("when: 'a''b'", 7, "a'b", (7, 6)),
        ("when: |", 7, "a > b\n", (7, 1)),
    ],
)
def test_content_spans(line: str, column: int, text: str, content: tuple[int, int]) -> None:
    whole = Span("f", 1, column, len(line) - column + 1)
    assert content_span([line], whole, text) == Span("f", 1, *content)


def test_part_spans() -> None:
    assert part_span(Span("f", 1, 7, 5), "a > b", 4) == Span("f", 1, 11, 1)
    assert part_span(Span("f", 1, 7, 1), "a >\n b", 4) == Span("f", 1, 7, 1)


KEY_WORDS = """
schema name schemas steps output test id component input onError mustExecute metadata foreach
items product concurrency maxFailures needs when join timeout retry user max delay if resources
cpu memory gpu tags skipIf inputSchema action defaultValue maxRetries properties variables
required type $step $input $variable $if then else $coalesce $literal $expr $item $index $from
step workflow variable path onSkip default loop plugins routes plugin rules stacks target
state_store url secret stateStore databaseUrl components behaviors command deploy image replicas
min project flows environments bindings file triggers cron timezone strategy rule stack env
is_secret conditions value componentAllow healthCheck blob_api token blobs ecs subnets balancer
metric tolerations operator key grace port health_path preemptible gpu_type node_selector
default_stack docker bucket_name artifact_path metadata_path artifact_store metadata_store
container_registry orchestrator executor path uri bucket gpu_count disk_size autoscaling
"""
KEYS = st.sampled_from(KEY_WORDS.split())
WORDS = st.sampled_from(
    ["flowc/v1", "a", "/a", "/{component}", "/{*x}", "builtin", "stepflow", "mock", "useDefault",
     "retry", "fail", "object", "$.a[0]", "20m", "10%", "0 1 * * *", "${A}", "local", "s3://b",
     "python", "container", "sqlite", "a/b", "{}", ""]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-3, 10) | st.floats(-2, 2) | WORDS
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | WORDS, inner, max_size=6),
    max_leaves=60,
)
MAPPINGS = st.dictionaries(KEYS | WORDS, TREES, max_size=8)
STEPS = st.lists(
    st.fixed_dictionaries({"id": WORDS}, optional={"component": WORDS, "foreach": TREES})
    | MAPPINGS,
    max_size=3,
)
FLOWS = MAPPINGS | st.fixed_dictionaries(
    {"steps": STEPS, "schema": st.sampled_from(["flowc/v1", None, "https://stepflow.org/x"])},
    optional={"output": TREES, "schemas": TREES},
)
PLUGINS = st.dictionaries(
    WORDS,
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(
                ["builtin", "stepflow", "python", "command", "container", "mock"]
            )
        },
        optional={"components": TREES, "url": TREES, "command": TREES, "deploy": TREES},
    ),
    max_size=2,
)
STACKS = MAPPINGS | st.fixed_dictionaries(
    {"plugins": PLUGINS, "routes": st.dictionaries(WORDS, TREES, max_size=3)},
    optional={"state_store": TREES, "stateStore": TREES, "resources": TREES, "variables": TREES},
)
DEPLOY_KEYS = """
replicas balancer port grace env tolerations resources node_selector command args health_path
service_account
"""
DEPLOYED = st.fixed_dictionaries(
    {"image": WORDS}, optional=dict.fromkeys(DEPLOY_KEYS.split(), TREES)
)
SERVERS = st.fixed_dictionaries(
    {
        "plugins": st.dictionaries(
            WORDS,
            st.fixed_dictionaries({"type": st.just("stepflow"), "deploy": DEPLOYED}),
            max_size=2,
        ),
        "routes": st.just({}),
    },
    optional={"blob_api": TREES, "ecs": TREES, "resources": TREES},
)
FLOWYML_KEYS = """
artifact_path metadata_path bucket_name region artifact_store metadata_store container_registry
orchestrator executor plugins routes namespace project_id registry_uri
"""
FLOWYML_STACKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["local", "gcp", "aws", "kubernetes", "azure", "vertex"])},
    optional=dict.fromkeys(FLOWYML_KEYS.split(), TREES),
)
FLOWYML = st.fixed_dictionaries(
    {"stacks": st.dictionaries(WORDS, FLOWYML_STACKS | TREES, max_size=3)},
    optional={"resources": TREES, "docker": TREES, "default_stack": TREES},
)
PROJECTS = MAPPINGS | st.fixed_dictionaries(
    {"project": WORDS, "flows": TREES}, optional={"environments": TREES, "bindings": TREES}
)


def every_decoder(tree: Any) -> None:
    diagnostics = Diagnostics()
    document = read(json.dumps(tree), "f.json", diagnostics)
    if document is None:
        return
    for lenient in (False, True):
        decode_flow(document, diagnostics, lenient)
        decode_stacks(document, diagnostics, {"A": "x"}, lenient)
        decode_project(document, diagnostics, {"A": "x"}, lenient)
    for finding in diagnostics:
        assert finding.primary is not None, finding


@settings(max_examples=300, deadline=None)
@given(FLOWS | STACKS | SERVERS | FLOWYML | PROJECTS)
def test_no_file_makes_a_decoder_raise(tree: Any) -> None:
    every_decoder(tree)


WRAPPERS = [
    lambda inner: {"$if": inner, "then": 1},
    lambda inner: {"$coalesce": [inner]},
    lambda inner: {"$step": "a", "onSkip": inner},
    lambda inner: {"$literal": inner},
    lambda inner: {"a": inner},
    lambda inner: [inner],
]


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_what_the_reader_lets_through_is_not_too_deep(wrap: Callable[[Any], Any]) -> None:
    tree: Any = 1
    while True:
        diagnostics = Diagnostics()
        document = read(json.dumps({"schema": "flowc/v1", "output": wrap(tree)}), "f", diagnostics)
        if document is None or diagnostics.has_errors:
            break
        tree = wrap(tree)
    every_decoder({"schema": "flowc/v1", "output": tree, "variables": tree, "plugins": tree})
