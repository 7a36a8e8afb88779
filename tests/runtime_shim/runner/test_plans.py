"""Plans: named by what is in them, and refused when they are anything else."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from tests.runtime_shim.runner.world import plan_of

from flowc_shim.runner.plans import PlanProblem, parse_plan
from flowc_shim.schemas import check_instance, mismatches

STEPS: list[dict[str, Any]] = [
    {"id": "b", "retry": {"user": {"max": 2}}},
    {"id": "a", "input": {"$step": "b"}, "when": "steps.b.x > 1"},
    {"id": "l", "foreach": {"product": {"z": [1], "y": [2]}, "maxFailures": "5%"},
     "steps": [{"id": "s", "input": {"$item": "z"}}], "output": {"$step": "s"}},
]  # fmt: skip


def _body() -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(json.dumps(plan_of(STEPS).to_json()))
    return raw


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("sort", [False, True])
def test_a_plan_survives_its_text(packed: bool, sort: bool) -> None:
    """Also one whose keys were sorted on the way: the order of steps is in a list of its own."""
    plan = plan_of(STEPS)
    text = json.dumps(plan.to_json(), sort_keys=sort).encode()
    read = parse_plan(gzip.compress(text) if packed else text, plan.digest)
    assert read == plan
    assert list(read.steps) == ["b", "a", "l", "l/s"]
    assert [name for name, _ in read.steps["l"].body.product] == ["z", "y"]


def test_the_order_of_steps_is_part_of_the_name() -> None:
    raw = _body()
    raw["order"] = raw["order"][::-1]
    with pytest.raises(PlanProblem, match="digest"):
        parse_plan(json.dumps(raw).encode(), plan_of(STEPS).digest)


def _change(raw: dict[str, Any], *keys: str) -> None:
    for key in keys[:-1]:
        raw = raw[key]
    raw[keys[-1]] = "changed"


@pytest.mark.parametrize(
    "keys",
    [("name",), ("fail_fast",), ("steps", "a", "scope"), ("units", "a", "kind"), ("project",),
     ("output_may_skip",), ("steps", "b", "call", "component")],
)  # fmt: skip
def test_any_change_is_another_plan(keys: tuple[str, ...]) -> None:
    raw = _body()
    _change(raw, *keys)
    with pytest.raises(PlanProblem):
        parse_plan(json.dumps(raw).encode(), plan_of(STEPS).digest)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"3", b"{", b"\x1f\x8b", b"\x1f\x8b\x08\x00garbage", b'{"v": 1}', b'{"v": 99}',
     gzip.compress(b"{}", mtime=0)[:-6], b"[" * 100_000, b"\xff\xfe"],
)  # fmt: skip
def test_what_is_no_plan_is_refused(body: bytes) -> None:
    with pytest.raises(PlanProblem):
        parse_plan(body, "d")


@pytest.mark.parametrize(
    "reference", ["http://127.0.0.1:9/x.json", "https://example.com/x", "file:///etc/hostname"]
)
def test_nothing_outside_of_a_schema_is_fetched(reference: str) -> None:
    (problem,) = mismatches({"$ref": reference}, {})
    assert "cannot be checked" in problem
    assert "nothing is fetched" in problem


def test_references_within_a_schema_hold() -> None:
    schema = {"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}
    check_instance(schema, 1)
    assert mismatches(schema, "x") == ['$: "x" is not of type "integer"']
