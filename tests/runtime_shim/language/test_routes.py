"""Routes: which pattern takes a path, under which name, and what a table may not say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowc_shim.contract.steps import Candidate
from flowc_shim.language.routes import RouteError, compile_routes


def rules(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"class": name, **more} for name in names]


SPECIFIC = compile_routes(
    [
        ("/{*component}", rules("rest")),
        ("/ml/{*component}", rules("ml")),
        ("/ml/{component}", rules("ml-one")),
        ("/ml/gpu/{*component}", rules("gpu")),
        ("/ml/gpu-{component}", rules("gpu-prefix")),
        ("/ml/fit", rules("fit", component="/fit")),
        ("/ml/fit/{component}/now", rules("now")),
    ]
)


@pytest.mark.parametrize(
    ("path", "served_by", "name"),
    [
        ("/a", "rest", "/a"),
        ("/a/b", "rest", "/a/b"),
        ("/ml", "rest", "/ml"),
        ("/ml/x", "ml-one", "/x"),
        ("/ml/x/y", "ml", "/x/y"),
        ("/ml/fit", "fit", "/fit"),
        ("/ml/fit/a/now", "now", "/a"),
        ("/ml/fit/a/later", "ml", "/fit/a/later"),
        ("/ml/gpu", "ml-one", "/gpu"),
        ("/ml/gpu/x", "gpu", "/x"),
        ("/ml/gpu/x/y", "gpu", "/x/y"),
        ("/ml/gpu-x", "gpu-prefix", "/x"),
        ("/ml/gpu-", "ml-one", "/gpu-"),
        ("/ml/", "rest", "/ml/"),
    ],
)
def test_the_most_specific_pattern_wins(path: str, served_by: str, name: str) -> None:
    assert SPECIFIC.resolve(path).candidates == (Candidate(served_by, name),)


@pytest.mark.parametrize("path", ["/", "", "a", "//"])
def test_paths_that_no_pattern_takes(path: str) -> None:
    router = compile_routes([("/x/{component}", rules("x"))])
    assert router.resolve(path).candidates == ()
    assert router.resolve(path).pattern is None


def test_order_of_patterns_does_not_matter() -> None:
    backwards = compile_routes(list(reversed(SPECIFIC.routes)))
    for path in ("/ml/x", "/ml/fit/a/later", "/ml/gpu-x", "/q"):
        assert backwards.resolve(path) == SPECIFIC.resolve(path)


def test_rules_are_tried_in_order_with_their_conditions() -> None:
    router = compile_routes(
        [("/m/{component}", [{"class": "gpu", "conditions": [["$.gpu", True]]}, {"class": "cpu"}])]
    )
    assert router.resolve("/m/f").candidates == (
        Candidate("gpu", "/f", (("$.gpu", True),)),
        Candidate("cpu", "/f"),
    )


def test_deny_counts_with_a_single_rule_without_conditions() -> None:
    router = compile_routes([("/m/{component}", rules("m", deny=["/add"]))])
    resolution = router.resolve("/m/add")
    assert resolution.candidates == ()
    assert resolution.denied == (Candidate("m", "/add"),)
    assert resolution.pattern == "/m/{component}"
    assert router.resolve("/m/sub").candidates


def test_allow_looks_at_the_rewritten_name() -> None:
    router = compile_routes([("/alias", rules("m", component="/add", allow=["/add"]))])
    assert router.resolve("/alias").candidates == (Candidate("m", "/add"),)


def test_an_empty_allow_list_allows_nothing() -> None:
    assert not compile_routes([("/{component}", rules("m", allow=[]))]).resolve("/x").candidates


def test_templates_take_any_parameter() -> None:
    router = compile_routes([("/{team}/{*path}", rules("m", component="/v2/{path}/{team}"))])
    assert router.resolve("/a/b/c").candidates == (Candidate("m", "/v2/b/c/a"),)


PREFIXES = compile_routes([("/python", rules("py")), ("/", rules("builtin"))])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/python/udf", [("py", "/udf"), ("builtin", "/python/udf")]),
        ("/python/a/b", [("py", "/a/b"), ("builtin", "/python/a/b")]),
        ("/python", [("builtin", "/python")]),
        ("/openai", [("builtin", "/openai")]),
    ],
)
def test_prefixes(path: str, expected: list[tuple[str, str]]) -> None:
    assert PREFIXES.resolve(path).candidates == tuple(Candidate(*pair) for pair in expected)


def test_one_pattern_with_a_parameter_makes_a_table_of_patterns() -> None:
    with pytest.raises(RouteError) as error:
        compile_routes([("/python", rules("py")), ("/{*component}", rules("builtin"))])
    assert error.value.kind == "pattern"
    assert error.value.patterns == (0,)
    assert error.value.hint is not None
    assert "/python/{*component}" in error.value.hint


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("x/{component}", "pattern"),
        ("/{*component}/x", "pattern"),
        ("/{component}x", "pattern"),
        ("/{a}{b}", "pattern"),
        ("/{component}/{component}", "pattern"),
        ("/{}", "pattern"),
        ("/x/{other}", "pattern"),
    ],
)
def test_invalid_patterns(pattern: str, kind: str) -> None:
    with pytest.raises(RouteError) as error:
        compile_routes([("/ok/{component}", rules("m")), (pattern, rules("m"))])
    assert (error.value.kind, error.value.patterns) == (kind, (1,))


@pytest.mark.parametrize("template", ["/{other}", "add"])
def test_invalid_templates(template: str) -> None:
    with pytest.raises(RouteError) as error:
        compile_routes([("/{component}", rules("m", component=template))])
    assert (error.value.kind, error.value.rule) == ("component", 0)


@pytest.mark.parametrize(
    ("first", "second"),
    [("/{component}", "/{name}"), ("/a/{*component}", "/a/{*x}"), ("/{a}/x", "/{b}/x")],
)
def test_conflicts_name_both_patterns(first: str, second: str) -> None:
    routes = [(first, rules("m", component="/x")), (second, rules("m", component="/x"))]
    with pytest.raises(RouteError) as error:
        compile_routes(routes)
    assert (error.value.kind, error.value.patterns) == ("conflict", (0, 1))


def test_routes_are_json() -> None:
    raw = json.loads(json.dumps(SPECIFIC.routes))
    assert compile_routes(raw).resolve("/ml/x") == SPECIFIC.resolve("/ml/x")
