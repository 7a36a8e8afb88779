"""Emitted machines executed by moto's interpreter, with the store in moto's S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.targets.step_functions.deployed import Account, Run
from tests.targets.step_functions.flows import STACK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

BATCH = STACK + "compute: batch\n"
KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
BOTH = pytest.mark.parametrize("stack", [STACK, BATCH], ids=["lambda", "batch"])


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with Account() as made:
        yield made


def succeeded(run: Run, output: object, **outcomes: str) -> None:
    assert run.observed is not None, run.result.report()
    assert run.observed.outcome == "succeeded", run.result.report()
    assert run.observed.result == output
    assert run.result.status == "SUCCEEDED"
    assert run.result.output["status"] == "done"
    assert run.observed.outcomes.items() >= outcomes.items()


def failed(run: Run, step: str, code: str, **outcomes: str) -> None:
    assert run.observed is not None, run.result.report()
    assert run.observed.outcome == "failed", run.result.report()
    assert (run.result.status, run.result.error) == ("FAILED", "Flowc.RunFailed")
    assert run.observed.error is not None
    assert (run.observed.error["step"], run.observed.error["error"]["code"]) == (step, code)
    assert run.observed.outcomes.items() >= outcomes.items()


@BOTH
def test_a_graph_that_is_not_series_parallel(account: Account, stack: str) -> None:
    flow = """
    steps:
      - {id: a, component: /t/add, input: {a: {$input: x}, b: 1}}
      - {id: b, component: /t/add, input: {a: {$input: x}, b: 2}}
      - {id: c, component: /t/add, input: {a: {$step: a, path: sum}, b: {$step: b, path: sum}}}
      - {id: d, component: /t/echo, input: {$step: b, path: sum}}
    output: [{$step: c, path: sum}, {$step: d}]
    """
    succeeded(account.run(flow, stack, input={"x": 10}), [23, 12], a="succeeded", d="succeeded")


@BOTH
@pytest.mark.parametrize("listed", ["[1, 2]", "{$input: rows}"], ids=["inline", "distributed"])
def test_loops_nest(account: Account, stack: str, listed: str) -> None:
    flow = f"""
    steps:
      - id: rows
        foreach: {{items: {listed}, concurrency: 2}}
        steps:
          - id: cells
            foreach: {{items: [10, 20], concurrency: 2}}
            component: /t/add
            input: {{a: {{$item: {{loop: rows}}}}, b: {{$item: ""}}}}
          - {{id: last, component: /t/echo, input: {{$step: cells}}}}
        output: {{$step: last}}
    output: {{$step: rows}}
    """
    run = account.run(flow, stack, input={"rows": [1, 2]})
    assert run.observed is not None, run.result.report()
    found = [[cell["sum"] for cell in row] for row in run.observed.result]
    assert found == [[11, 21], [12, 22]]
    places = {key for key in run.observed.outcomes if key.startswith("rows/cells/item")}
    assert "rows/cells/item[1.1]" in places


@BOTH
def test_a_loop_without_items(account: Account, stack: str) -> None:
    flow = """
    steps: [{id: each, foreach: {items: {$input: rows}}, component: /t/echo, input: {$item: ""}}]
    output: {$step: each}
    """
    succeeded(account.run(flow, stack, input={"rows": []}), [])


@BOTH
def test_a_failing_step_and_what_follows_it(account: Account, stack: str) -> None:
    flow = """
    steps:
      - {id: bad, component: /t/fail, input: {message: "no", code: NOPE}}
      - {id: next, component: /t/echo, input: {$step: bad}}
      - {id: other, component: /t/echo, input: 1}
    output: [{$step: next}, {$step: other}]
    """
    run = account.run(flow, stack)
    failed(run, "bad", "NOPE", bad="failed", next="upstream_failed")
    # a job is not started to say so
    assert "next" not in run.jobs


KILLS = """
steps:
  - {id: dies, component: /t/echo, input: 1, retry: {platform: {max: 1, delay: 1s}}ON_ERROR}
  - {id: reads, component: /t/echo, input: {$step: dies}}
output: {$step: reads}
"""
FAILS = KILLS.replace("ON_ERROR", "")
DEFAULTS = KILLS.replace("ON_ERROR", ", onError: {action: useDefault, defaultValue: instead}")


@BOTH
def test_a_shim_that_dies_once_is_started_again(account: Account, stack: str) -> None:
    broken = {"lambda dies": [KILLED], "batch dies": [KILLED]}
    succeeded(account.run(FAILS, stack, broken=broken), 1, dies="succeeded")


@BOTH
def test_a_shim_that_always_dies_fails_the_run(account: Account, stack: str) -> None:
    broken = {"lambda dies": [KILLED] * 9, "batch dies": [KILLED] * 9}
    run = account.run(FAILS, stack, broken=broken)
    failed(run, "dies", "SHIM_DIED", dies="failed", reads="upstream_failed")
    if stack == BATCH:
        assert run.jobs == ["dies", "dies"]  # the budget, although no attempt left a row


@BOTH
def test_a_shim_that_always_dies_leaves_the_default(account: Account, stack: str) -> None:
    broken = {"lambda dies": [KILLED] * 9, "batch dies": [KILLED] * 9}
    run = account.run(DEFAULTS, stack, broken=broken)
    succeeded(run, "instead", dies="defaulted", reads="succeeded")


def test_a_shim_that_refuses_its_plan_is_not_submitted_again(account: Account) -> None:
    run = account.run(DEFAULTS, BATCH, broken={"batch dies": ["import sys; sys.exit(115)"] * 9})
    succeeded(run, "instead", dies="defaulted")
    assert run.jobs.count("dies") == 1


def test_whoever_settles_may_die_as_well(account: Account) -> None:
    # eight retries of the settlement are not enough; the reader settles, and finish would
    broken = {"lambda dies": [KILLED] * 9, "lambda decide": [KILLED] * 9}
    run = account.run(DEFAULTS, broken=broken)
    succeeded(run, "instead", dies="defaulted", reads="succeeded")


def test_waits_between_jobs_are_the_machine_s(account: Account, tmp_path: Path) -> None:
    flow = """
    steps:
      - id: flaky
        component: /t/flaky
        input: {dir: {$input: dir}, name: calls, times: 2}
        retry: {user: {max: 2, delay: 3s, factor: 1, jitter: false}}
    output: {$step: flaky}
    """
    run = account.run(flow, BATCH, input={"dir": str(tmp_path)}, environ={"FLOWC_HOLD_WAITS": "0"})
    succeeded(run, {"calls": 3})
    assert run.jobs == ["flaky"] * 3
    assert run.result.states.count("flaky (wait)") == 2


def test_waits_that_a_function_does_not_sleep_are_the_machine_s(
    account: Account, tmp_path: Path
) -> None:
    flow = """
    steps:
      - id: flaky
        component: /t/flaky
        input: {dir: {$input: dir}, name: calls, times: 2}
        retry: {user: {max: 2, delay: 40s, factor: 1, jitter: false}}
    output: {$step: flaky}
    """
    run = account.run(flow, input={"dir": str(tmp_path)})
    succeeded(run, {"calls": 3})
    assert sum(p.request.get("unit") == "flaky" for p in run.result.processes) == 3


def test_a_job_that_must_not_start_does_not(account: Account) -> None:
    flow = """
    steps:
      - {id: a, component: /t/echo, input: 1}
      - {id: never, component: /t/echo, when: steps.a > 1, resources: gpu}
      - {id: b, component: /t/echo, input: {$step: never, onSkip: nothing}}
    output: {$step: b}
    """
    run = account.run(flow)
    succeeded(run, "nothing", never="skipped")
    assert run.jobs == []


def test_no_answer_means_start(account: Account) -> None:
    flow = """
    steps:
      - {id: a, component: /t/echo, input: 1}
      - {id: big, component: /t/echo, when: steps.a == 1, input: 2, resources: gpu}
    output: {$step: big, onSkip: null}
    """
    run = account.run(flow, broken={"lambda big": [KILLED] * 9})
    succeeded(run, 2, big="succeeded")
    assert run.jobs == ["big"]


def test_ids_of_any_kind_reach_the_job(account: Account) -> None:
    # moto does not read the escapes of quotes, braces and backslashes; test_states has those
    flow = """
    steps: [{id: "a step (v2), $.x", component: /t/echo, input: 7}]
    output: {$step: "a step (v2), $.x"}
    """
    succeeded(account.run(flow, BATCH), 7)


@pytest.mark.parametrize("given", [{}, {"input": None}, {"input": {"x": 1}, "more": 2}])
def test_what_an_execution_is_started_with(account: Account, given: object) -> None:
    flow = "steps: [{id: a, component: /t/echo, input: {$coalesce: [{$input: x}, none]}}]\n"
    flow = flow.replace("{$coalesce: [{$input: x}, none]}", "{$input: $}") + "output: {$step: a}\n"
    run = account.run(flow, execution_input=given)
    assert run.observed is not None
    assert run.observed.result == (given.get("input") if isinstance(given, dict) else None)


@BOTH
def test_an_input_of_a_hundred_kilobytes(account: Account, stack: str) -> None:
    flow = "steps: [{id: a, component: /t/echo, input: {$input: x}}]\noutput: {$step: a}\n"
    text = "x" * 100_000
    succeeded(account.run(flow, stack, input={"x": text}), text)


def test_a_plan_that_is_not_there_is_final(account: Account) -> None:
    flow = "steps: [{id: a, component: /t/echo, input: 1}]\noutput: {$step: a}\n"
    run = account.run(flow, environ={"FLOWC_STORE": "s3://bucket/elsewhere"})
    assert (run.result.status, run.result.error) == ("FAILED", "Flowc.NotFinished")
    units = [p for p in run.result.processes if p.request.get("unit") == "a"]
    assert len(units) == 1


def test_a_run_that_no_shim_ends_is_ended_by_its_clock(account: Account) -> None:
    # the harness's clock goes a hundred times faster than that of the shims
    flow = """
    timeout: 140s
    steps:
      - {id: quick, component: /t/echo, input: 1}
      - {id: slow, needs: [quick], component: /t/slow, input: {seconds: 30}}
      - {id: after, needs: [slow], component: /t/echo}
    """
    run = account.run(flow)
    assert (run.result.status, run.result.error) == ("FAILED", "Flowc.RunFailed")
    assert "finish (late)" in run.result.states
    assert run.observed is not None
    assert run.observed.outcome == "timed_out"
    assert run.observed.outcomes == {
        "quick": "succeeded", "slow": "stopped", "after": "not_started",
    }  # fmt: skip


@BOTH
def test_secrets_are_fetched_where_they_are_needed(account: Account, stack: str) -> None:
    manager = account.engine.client("secretsmanager")
    if not manager.list_secrets()["SecretList"]:
        manager.create_secret(Name="api-key", SecretString="hunter2-of-manager")
    account.engine.client("ssm").put_parameter(
        Name="/team/tail", Value="hunter2-of-ssm", Type="SecureString", Overwrite=True
    )
    flow = """
    schemas:
      properties:
        variables:
          properties:
            key: {type: string, is_secret: true}
            tail: {type: string, is_secret: true}
    steps:
      - {id: a, component: /t/echo, input: {$expr: 'size(vars.key) + size(vars.tail)'}}
      - {id: b, component: /t/echo, input: {$variable: key},
         onError: {action: useDefault, defaultValue: kept out}}
    output: [{$step: a}, {$step: b}]
    """
    given = "variables: {key: {secret: api-key}, tail: {secret: 'ssm:/team/tail'}}\n"
    run = account.run(flow, stack + given)
    succeeded(run, [32, "kept out"], a="succeeded", b="defaulted")
    assert "hunter2" not in run.result.report()


def test_a_secret_that_is_not_there_ends_the_run(account: Account) -> None:
    flow = """
    schemas: {properties: {variables: {properties: {key: {type: string, is_secret: true}}}}}
    steps: [{id: a, component: /t/echo, input: {$expr: 'size(vars.key)'}}]
    output: {$step: a}
    """
    run = account.run(flow, STACK + "variables: {key: {secret: nowhere}}\n")
    assert run.result.status == "FAILED"
    assert "nowhere" in run.result.report()
