"""Loops as templates: lanes, passes, chunks, and what does not fit."""

from __future__ import annotations

from tests.targets.argo.flows import arguments, compiled, diagnose, tasks, templates

from flowc_targets.argo.sizes import deepest, least_status_bytes

MANY = """\
    steps:
    - id: each
      foreach: {{items: {{$input: xs}}, concurrency: {concurrency}}}
      component: {component}
      input: {{$item: $}}
    output: {{$step: each}}
    """
PASSES = """\
    steps:
    - id: loop
      while: {{state: 0, condition: state < 9, maxIterations: {most}}}
      steps:
      - {{id: s, component: {component}, input: {{$state: $}}}}
      output: {{$step: s}}
    output: {{$step: loop}}
    """


def test_a_body_of_one_unit_may_be_run_in_lanes() -> None:
    found = templates(MANY.format(concurrency=40, component="/f"))
    fan = found["each-fan"]
    assert fan["parallelism"] == 40
    scope = "{{item}}~{{inputs.parameters.count}}"
    assert arguments(tasks(fan)["item"]) == {"scope": scope}


FINALLY = """\
    steps: [{{id: a, component: /f, input: {{$input: xs}}}}]
    output: {{$step: a}}
    finally:
    - id: each
      foreach: {{items: {items}, concurrency: {concurrency}}}
      steps: [{steps}]
      output: {{$step: one}}
    """
ONE = "{id: one, component: /f, input: {$item: $}}"
TWO = f"{ONE}, {{id: two, component: /f}}"


def test_nothing_below_the_exit_handler_has_to_wait() -> None:
    """Argo's controller ends when something does: decision 0027."""
    for items in ("{$input: xs}", "[1, 2, 3]"):
        flow = FINALLY.format(items=items, concurrency=2, steps=ONE)
        found = templates(flow)
        assert all("parallelism" not in template for template in found.values())
        scope = "{{item}}~{{inputs.parameters.count}}"
        assert arguments(tasks(found["finally-each-fan"])["item"])["scope"] == scope
        loop = compiled(flow).plan.to_json()["steps"]["finally/each"]["loop"]
        assert (loop["lanes"], loop["concurrency"]) == (2, 2)
    all_at_once = FINALLY.format(items="[1, 2, 3]", concurrency=3, steps=TWO)
    assert all("parallelism" not in template for template in templates(all_at_once).values())


def test_items_that_would_have_to_wait_there_are_refused() -> None:
    for items, most in (("[1, 2, 3]", 3), ("{$input: xs}", 500)):
        compilation, diagnostics = diagnose(FINALLY.format(items=items, concurrency=2, steps=TWO))
        assert compilation is None
        (found,) = diagnostics.found
        assert found.primary is not None
        assert (found.code.number, found.primary.span.line) == ("FC501", 6)
        assert f"{most} items of a loop in `finally`, 2 at a time" in found.message
        assert f"concurrency: {most}" in str(found.hint)


def test_25_000_items_fit() -> None:
    flow = MANY.format(concurrency=40, component="/f").replace(
        "{$input: xs}", f"{{$literal: {list(range(25_000))}}}"
    )
    compilation = compiled(flow)
    assert least_status_bytes(compilation.layout) < 40 * 4 * 54 + 1_000
    assert compilation.plan.to_json()["steps"]["each"]["loop"]["lanes"] == 500


def test_more_at_a_time_than_there_are_lanes_is_said() -> None:
    _, diagnostics = diagnose(MANY.format(concurrency=900, component="/f"))
    assert any("allows 900 items at a time; 500 run" in found.message for found in diagnostics)


def test_passes_of_served_calls_are_one_unit() -> None:
    found = templates(PASSES.format(most=100_000, component="/f"))
    assert list(tasks(found["main"])) == ["loop"]


def test_passes_with_work_of_their_own_call_themselves() -> None:
    found = templates(PASSES.format(most=5, component="/inside/f"))
    assert list(tasks(found["main"])) == ["loop-open", "loop-passes", "loop-close"]
    inner = tasks(found["loop-pass"])
    assert list(inner) == ["s", "next", "again"]
    assert inner["again"]["template"] == "loop-pass"
    assert "$.go" in inner["again"]["when"] and "%" not in inner["again"]["when"]
    assert "s.Failed" in inner["next"]["depends"]  # whatever became of the pass


def test_2000_passes_fit_in_chunks() -> None:
    flow = PASSES.format(most=2_000, component="/inside/f")
    layout = compiled(flow).layout
    assert deepest(layout) < 100
    found = templates(flow)
    assert list(tasks(found["loop-chunk"])) == ["passes", "ask", "more"]
    assert "% 45 != 0" in tasks(found["loop-pass"])["again"]["when"]


def test_more_passes_than_fit_are_refused_with_the_numbers() -> None:
    _, diagnostics = diagnose(PASSES.format(most=9_000, component="/inside/f"))
    messages = [(found.code.number, found.message, found.hint) for found in diagnostics]
    assert any("KiB is the most" in message for _, message, _ in messages)
    assert any("nest" in message and "served components" in hint for _, message, hint in messages)
