"""The mock plugin, with behaviors as Stepflow's own test configuration has them."""

from __future__ import annotations

import pytest

from flowc_shim.components.mock import MockClient
from flowc_shim.contract.errors import ErrorClass, FlowError

CONFIG = {
    "type": "mock",
    "components": {
        "/one_output": {
            "input_schema": {"type": "object"},
            "behaviors": [
                [{"input": "a"}, {"outcome": "success", "result": {"output": "b"}}],
                [{"n": 1, "m": None}, {"outcome": "success", "result": None}],
                ['{"from": "text"}', {"outcome": "success", "result": 1}],
                ["plain", {"outcome": "success", "result": 2}],
                [{"mode": "coded"}, {"outcome": "failed", "error": {"code": 8, "message": "no"}}],
                [{"mode": "named"}, {"outcome": "failed", "error": {"code": "X", "message": "no"}}],
                [{"mode": "plain"}, {"error": "broke"}],
            ],
        },
        "/empty": None,
    },
}


@pytest.fixture
def mock(caller):
    return caller(MockClient("mock", CONFIG))


def test_what_the_stack_says(mock):
    assert mock("/one_output", {"input": "a"}) == {"output": "b"}
    assert mock("/one_output", {"m": None, "n": 1}) is None
    assert mock("/one_output", {"from": "text"}) == 1
    assert mock("/one_output", "plain") == 2


def test_one_and_true_are_different_inputs(mock):
    assert mock.error("/one_output", {"n": True, "m": None}).code == "NO_BEHAVIOR"


@pytest.mark.parametrize(
    ("mode", "code", "message"),
    [("coded", "8", "no"), ("named", "X", "no"), ("plain", "COMPONENT_FAILED", "broke")],
)
def test_failures(mock, mode, code, message):
    error = mock.error("/one_output", {"mode": mode})
    assert (error.error_class, error.code, error.message) == (ErrorClass.USER, code, message)


def test_an_input_without_a_behavior(mock):
    error = mock.error("/one_output", {"input": "world"})
    assert (error.error_class, error.code) == (ErrorClass.USER, "NO_BEHAVIOR")
    assert error.message == 'No behavior defined for /one_output on {"input":"world"}'
    assert mock.error("/empty", {}).code == "NO_BEHAVIOR"


def test_a_component_that_is_not_there(mock):
    assert mock.error("/nope").code == "COMPONENT_NOT_FOUND"


@pytest.mark.parametrize("pair", [["a"], ["a", 5], ["a", {"outcome": "maybe"}]])
def test_behaviors_that_are_none(pair):
    with pytest.raises(FlowError, match="behavior"):
        MockClient("mock", {"components": {"/x": {"behaviors": [pair]}}})
