"""What Step Functions says of a job that died, as the shim reads it."""

from __future__ import annotations

import json

import pytest

from flowc_shim.contract.errors import ErrorClass
from flowc_shim.runner.deaths import read_death

JOB = {
    "JobId": "7",
    "StatusReason": "Essential container in task exited",
    "Container": {"ExitCode": 137, "Reason": "OutOfMemoryError: Container killed"},
}


def test_a_job_that_ran_out_of_memory() -> None:
    death = read_death(f"States.TaskFailed: {json.dumps(JOB)}")
    assert (death.job, death.exit_code, death.is_orderly) == ("7", 137, False)
    error = death.error(2)
    assert (error.error_class, error.code, error.attempt) == (ErrorClass.PLATFORM, "OOM", 2)
    assert error.data == {"job": "7"}
    assert "exit code 137" in error.message


@pytest.mark.parametrize(
    ("code", "orderly", "contract"),
    [(101, True, False), (103, True, False), (115, False, True), (1, False, False)],
)
def test_exit_codes(code: int, orderly: bool, contract: bool) -> None:
    job = {**JOB, "Container": {"ExitCode": code}}
    death = read_death(f"States.TaskFailed: {json.dumps(job)}")
    assert (death.is_orderly, death.is_contract) == (orderly, contract)
    assert death.error(1).final == contract


def test_of_several_containers_the_shims_says_how_it_ended() -> None:
    containers = [{"Name": "program", "ExitCode": 7}, {"Name": "unit", "ExitCode": 101}]
    task = {"TaskArn": "t", "StoppedReason": "Essential container", "Containers": containers}
    death = read_death(f"States.TaskFailed: {json.dumps(task)}")
    assert (death.job, death.exit_code, death.is_orderly) == ("t", 101, True)


def test_a_host_that_is_gone_has_no_exit_code() -> None:
    job = {"JobId": "8", "StatusReason": "Host EC2 (instance i-1) terminated."}
    death = read_death(f"States.TaskFailed: {json.dumps(job)}")
    assert (death.exit_code, death.error(1).code) == (None, "SHIM_DIED")


@pytest.mark.parametrize(
    "cause", ["", "Runtime.ExitError: signal: killed", 'X: {"other": 1}', "X: {broken", "in a room"]
)
def test_anything_else_is_no_job(cause: str) -> None:
    death = read_death(cause)
    assert death.job == ""
    assert death.error(0).code == "SHIM_DIED"
