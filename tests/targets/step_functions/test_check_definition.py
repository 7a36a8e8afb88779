"""flowc's own ASL checker: one good machine, one change per rule, and counted histories."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from flowc_targets.step_functions.check_definition import (
    DefinitionProblem,
    check_definition,
    estimate_events,
)
from flowc_targets.step_functions.history_events import UnknownBoundError

INVOKE = "arn:aws:states:::lambda:invoke"
SUBMIT = "arn:aws:states:::batch:submitJob.sync"
CHILD = "arn:aws:states:::states:startExecution.sync:2"


def machine(*states: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"StartAt": states[0][0], "States": dict(states)}


def task(resource: str = INVOKE, **fields: Any) -> dict[str, Any]:
    state = {"Type": "Task", "Resource": resource, "ResultPath": None, **fields}
    return state if "Next" in state else {**state, "End": True}


def choice(*choices: dict[str, Any], default: str = "No") -> dict[str, Any]:
    return {"Type": "Choice", "Choices": list(choices), "Default": default}


GOOD: dict[str, Any] = machine(
    (
        "Both",
        {
            "Type": "Parallel",
            "ResultPath": None,
            "Branches": [
                machine(
                    (
                        "Left",
                        task(
                            Retry=[
                                {"ErrorEquals": ["Transient"], "MaxAttempts": 2},
                                {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1},
                            ],
                            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "LeftFailed"}],
                        ),
                    ),
                    ("LeftFailed", {"Type": "Pass", "End": True}),
                ),
                machine(("Right", task(SUBMIT, TimeoutSeconds=600))),
            ],
            "Next": "Ask",
        },
    ),
    ("Ask", task(ResultPath="$.verdict", Next="Go")),
    (
        "Go",
        choice(
            {"Variable": "$.verdict.go", "IsPresent": False, "Next": "Each"},
            {"Variable": "$.verdict.go", "BooleanEquals": True, "Next": "Each"},
            default="Child",
        ),
    ),
    (
        "Each",
        {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 8,
            "ResultPath": None,
            "ItemProcessor": machine(("Item", task())),
            "Next": "Child",
        },
    ),
    (
        "Child",
        task(CHILD, Parameters={"StateMachineArn": "arn", "Name.$": "$.child"}, Next="Done"),
    ),
    ("Done", {"Type": "Succeed"}),
)


def test_the_good_machine_is_good() -> None:
    assert check_definition(GOOD) == []
    assert check_definition(GOOD, map_sizes={"Each": 100}, input_size=262_144) == []


def left(d: dict[str, Any]) -> dict[str, Any]:
    return d["States"]["Both"]["Branches"][0]["States"]["Left"]


def right(d: dict[str, Any]) -> dict[str, Any]:
    return d["States"]["Both"]["Branches"][1]["States"]["Right"]


def all_not_last(d: dict[str, Any]) -> str:
    left(d)["Retry"].reverse()
    return "/States/Both/Branches/0/States/Left/Retry/0: States.ALL must come last"


def all_not_alone(d: dict[str, Any]) -> str:
    left(d)["Catch"][0]["ErrorEquals"].insert(0, "Boom")
    return "/States/Both/Branches/0/States/Left/Catch/0: States.ALL must stand alone"


def no_errors_named(d: dict[str, Any]) -> str:
    left(d)["Retry"][0]["ErrorEquals"] = []
    return "/States/Both/Branches/0/States/Left/Retry/0: ErrorEquals is empty"


def dangling_catch(d: dict[str, Any]) -> str:
    left(d)["Catch"].insert(0, {"ErrorEquals": ["Boom"], "Next": "Done"})
    return "/States/Both/Branches/0/States/Left/Catch/0/Next: no state 'Done' here"


def dangling_choice(d: dict[str, Any]) -> str:
    d["States"]["Go"]["Choices"][1]["Next"] = "Nope"
    return "/States/Go/Choices/1/Next: no state 'Nope' here"


def dangling_start(d: dict[str, Any]) -> str:
    d["States"]["Each"]["ItemProcessor"]["StartAt"] = "Itme"
    return "/States/Each/ItemProcessor/StartAt: no state 'Itme' here"


def unreachable_in_map(d: dict[str, Any]) -> str:
    d["States"]["Each"]["ItemProcessor"]["States"]["a/b"] = {"Type": "Succeed"}
    return "/States/Each/ItemProcessor/States/a~1b: no transition leads here"


def two_ends(d: dict[str, Any]) -> str:
    right(d)["Next"] = "Right"
    return "/States/Both/Branches/1/States/Right: needs either Next or End"


def no_end(d: dict[str, Any]) -> str:
    del right(d)["End"]
    return "/States/Both/Branches/1/States/Right: needs either Next or End"


def unguarded(d: dict[str, Any]) -> str:
    del d["States"]["Go"]["Choices"][0]
    return "/States/Go/Choices/0: $.verdict.go is tested before IsPresent has told that it is there"


def guarded_too_late(d: dict[str, Any]) -> str:
    d["States"]["Go"]["Choices"].reverse()
    return "/States/Go/Choices/0: $.verdict.go is tested before IsPresent has told that it is there"


def other_variable(d: dict[str, Any]) -> str:
    d["States"]["Go"]["Choices"][1] = {
        "Variable": "$.verdict.go",
        "BooleanEqualsPath": "$.expected",
        "Next": "Each",
    }
    return "/States/Go/Choices/1: $.expected is tested before IsPresent has told that it is there"


def no_default(d: dict[str, Any]) -> str:
    d["States"]["Go"]["Choices"][1]["Next"] = d["States"]["Go"].pop("Default")
    return "/States/Go: needs Default, States.NoChoiceMatched cannot be caught"


def name_twice(d: dict[str, Any]) -> str:
    item = d["States"]["Each"]["ItemProcessor"]
    item.update(StartAt="Left", States={"Left": item["States"]["Item"]})
    return (
        "/States/Each/ItemProcessor/States/Left: "
        "the name is already used at /States/Both/Branches/0/States/Left"
    )


def long_name(d: dict[str, Any]) -> str:
    name = "ä" * 81
    d["States"]["Each"]["ItemProcessor"] = machine((name, task()))
    path = f"/States/Each/ItemProcessor/States/{name}"
    return f"{path}: the name has 81 characters, more than 80"


def kept_output(d: dict[str, Any]) -> str:
    del d["States"]["Both"]["ResultPath"]
    return '/States/Both: needs "ResultPath": null, its output grows with its branches or items'


def position(d: dict[str, Any]) -> str:
    d["States"]["Ask"]["Parameters"] = {"Payload": {"x.$": "States.Format('{}', $[0].a)"}}
    return "/States/Ask/Parameters/Payload/x.$: States.Format('{}', $[0].a) picks by position"


def nameless_child(d: dict[str, Any]) -> str:
    del d["States"]["Child"]["Parameters"]["Name.$"]
    return (
        "/States/Child/Parameters: "
        "startExecution needs a Name, or a second try starts a second child"
    )


def short_batch(d: dict[str, Any]) -> str:
    right(d)["TimeoutSeconds"] = 59
    path = "/States/Both/Branches/1/States/Right/TimeoutSeconds"
    return f"{path}: 59 s is less than the 60 s that Batch needs"


def short_attempt(d: dict[str, Any]) -> str:
    right(d)["Parameters"] = {"Timeout": {"AttemptDurationSeconds": 30}}
    path = "/States/Both/Branches/1/States/Right/Parameters/Timeout/AttemptDurationSeconds"
    return f"{path}: 30 s is less than the 60 s that Batch needs"


def batch_token(d: dict[str, Any]) -> str:
    right(d)["Resource"] = "arn:aws:states:::batch:submitJob.waitForTaskToken"
    path = "/States/Both/Branches/1/States/Right/Resource"
    return f"{path}: Batch has no .waitForTaskToken"


def too_wide(d: dict[str, Any]) -> str:
    d["States"]["Each"]["MaxConcurrency"] = 41
    return "/States/Each/MaxConcurrency: an INLINE Map runs 40 at once, not 41"


def nested_distributed(d: dict[str, Any]) -> str:
    inner = copy.deepcopy(d["States"]["Each"])
    inner["ItemProcessor"] |= {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}
    del inner["Next"]
    d["States"]["Each"]["ItemProcessor"] = machine(("Inner", {**inner, "End": True}))
    path = "/States/Each/ItemProcessor/States/Inner"
    return f"{path}: only the outermost Map of a nest may be DISTRIBUTED"


def other_language(d: dict[str, Any]) -> str:
    d["QueryLanguage"] = "JSONata"
    return "/QueryLanguage: flowc emits JSONPath only"


@pytest.mark.parametrize(
    "spoil",
    [
        all_not_last,
        all_not_alone,
        no_errors_named,
        dangling_catch,
        dangling_choice,
        dangling_start,
        unreachable_in_map,
        two_ends,
        no_end,
        unguarded,
        guarded_too_late,
        other_variable,
        no_default,
        name_twice,
        long_name,
        kept_output,
        position,
        nameless_child,
        short_batch,
        short_attempt,
        batch_token,
        too_wide,
        nested_distributed,
        other_language,
    ],
)
def test_each_rule_has_its_problem(spoil: Any) -> None:
    definition = copy.deepcopy(GOOD)
    expected = spoil(definition)
    assert expected in [str(problem) for problem in check_definition(definition)]


def test_sizes() -> None:
    text = "x" * 1_048_576
    assert check_definition(GOOD, serialised=text) == []
    assert check_definition(GOOD, serialised=text + "ä", input_size=262_145) == [
        DefinitionProblem("", "has 1048578 bytes, more than 1048576"),
        DefinitionProblem("", "the input has 262145 bytes of 262144"),
    ]


PRESENT = {"Variable": "$.a", "IsPresent": True}
ABSENT = {"Variable": "$.a", "IsPresent": False}
TEST = {"Variable": "$.a", "NumericEquals": 0}


@pytest.mark.parametrize(
    ("rules", "good"),
    [
        ([{"And": [PRESENT, TEST]}], True),
        ([{"And": [TEST, PRESENT]}], False),
        ([{"Or": [ABSENT, TEST]}], True),
        ([{"Or": [PRESENT, TEST]}], False),
        ([{"Not": PRESENT}, TEST], True),
        ([PRESENT, TEST], False),
        ([{"Or": [ABSENT, {"Variable": "$.b", "IsPresent": False}]}, TEST], True),
        ([{"And": [ABSENT, {"Variable": "$.b", "IsPresent": False}]}, TEST], False),
        ([{"Variable": "$.a.n", "IsPresent": False}, {"Variable": "$.a", "IsNull": True}], True),
        ([{"Variable": "$.a", "IsPresent": False}, {"Variable": "$.a.n", "IsNull": True}], False),
        ([{"Variable": "$$.Execution.RedriveCount", "NumericEquals": 0}], True),
        ([{"Not": {"And": [PRESENT, TEST]}}], True),
    ],
)
def test_which_guards_count(rules: list[dict[str, Any]], good: bool) -> None:
    first = choice(*[{**rule, "Next": "Yes"} for rule in rules])
    definition = machine(("If", first), ("Yes", {"Type": "Succeed"}), ("No", {"Type": "Succeed"}))
    assert (check_definition(definition) == []) is good


SUCCEED = {"Type": "Succeed"}
ONCE = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]


@pytest.mark.parametrize(
    ("states", "events"),
    [
        ([("A", {"Type": "Pass", "End": True})], 2 + 2),
        ([("A", {"Type": "Fail"})], 2 + 1),
        ([("A", task())], 2 + 5),
        ([("A", task(SUBMIT))], 2 + 6),
        ([("A", task(Retry=ONCE))], 2 + 5 + 3),
        ([("A", task(SUBMIT, Retry=ONCE))], 2 + 6 + 4),
        ([("A", task(Retry=[{"ErrorEquals": ["X"]}, *ONCE]))], 2 + 5 + 4 * 3),
        (
            [
                ("A", choice({**ABSENT, "Next": "Yes"})),
                ("Yes", task(Next="No")),
                ("No", SUCCEED),
            ],
            2 + 2 + 5 + 2,
        ),
    ],
)
def test_events_of_states(states: list[tuple[str, dict[str, Any]]], events: int) -> None:
    assert estimate_events(machine(*states), {}) == events


def test_events_of_nests() -> None:
    inner = machine(("Item", task()))
    each = {"Type": "Map", "ResultPath": None, "ItemProcessor": inner, "End": True}
    assert estimate_events(machine(("Each", each)), {"Each": 10}) == 2 + 4 + 10 * (2 + 5)
    twice = {**each, "Retry": ONCE}
    assert estimate_events(machine(("Each", twice)), {"Each": 10}) == 2 + 2 + 2 * (2 + 10 * 7)
    both = {"Type": "Parallel", "Branches": [machine(("A", task())), machine(("E", each))]}
    nest = machine(("Both", {**both, "ResultPath": None, "End": True}))
    assert estimate_events(nest, {"E": 3}) == 2 + 4 + 5 + 4 + 3 * 7
    far = {**each, "ItemProcessor": {**inner, "ProcessorConfig": {"Mode": "DISTRIBUTED"}}}
    assert estimate_events(machine(("Each", far)), {}) == 2 + 6
    assert estimate_events(GOOD, {"Each": 0}) == (2 + (4 + (2 + 4 * 3) + 2 + 6) + 5 + 2 + 4 + 6 + 2)


def test_loops_need_their_bound() -> None:
    loop = machine(
        ("Work", task(ResultPath="$.r", Next="Again")),
        ("Again", choice({**ABSENT, "Next": "No"}, {**TEST, "Next": "Pause"})),
        ("Pause", {"Type": "Wait", "Seconds": 1, "Next": "Work"}),
        ("No", SUCCEED),
    )
    assert estimate_events(loop, {}, {"Pause": 7}) == 2 + 7 * (5 + 2 + 2) + 2
    with pytest.raises(UnknownBoundError, match="Again, Pause, Work is not known"):
        estimate_events(loop, {})
    (problem,) = check_definition(loop, map_sizes={})
    assert "turns of the loop of Again, Pause, Work" in problem.message


def test_histories_over_the_limit() -> None:
    assert check_definition(GOOD, map_sizes={"Each": 3_500}) == []
    (problem,) = check_definition(GOOD, map_sizes={"Each": 3_600})
    assert problem.message == "an execution can write 25247 history events, more than 25000"
    (problem,) = check_definition(GOOD, map_sizes={})
    assert problem.message.endswith("the number of items of Each is not known")
    far = copy.deepcopy(GOOD)
    inner = {"Type": "Map", "ResultPath": None, "End": True}
    far["States"]["Each"]["ItemProcessor"] = {
        **machine(("Inner", {**inner, "ItemProcessor": machine(("Item", task()))})),
        "ProcessorConfig": {"Mode": "DISTRIBUTED"},
    }
    assert check_definition(far, map_sizes={"Inner": 3_000}) == []
    (problem,) = check_definition(far, map_sizes={"Inner": 4_000})
    assert problem.path == "/States/Each/ItemProcessor"
