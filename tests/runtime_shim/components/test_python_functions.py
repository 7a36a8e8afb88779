"""Python functions in worker processes."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flowc_shim.components.python_function import PythonClient
from flowc_shim.contract.errors import ErrorClass

MODULE = '''
import asyncio, os, sys, threading, time
import subprocess

class Stock(Exception):
    code = "NO_STOCK"

class Nested:
    @staticmethod
    def method(value):
        return "nested"

def double(value):
    return {"doubled": 2 * value["n"]}

async def double_later(value):
    await asyncio.sleep(0.01)
    return {"doubled": 2 * value["n"]}

def who(value, context):
    return {"step": context.step_id, "attempt": context.attempt, "key": context.idempotency_key}

def noisy(value):
    print("to stdout")
    os.write(1, b"to descriptor 1\\n")
    subprocess.run(["echo", "from a child"], check=True)
    return sys.stdin.read()

def environment(value):
    return {name: os.environ.get(name) for name in value}

def pid(value):
    return os.getpid()

def boom(value):
    raise ValueError("kaput")

def out_of_stock(value):
    raise Stock("none left")

def leave(value):
    sys.exit(value)

def die(value):
    print("last words", file=sys.stderr, flush=True)
    os._exit(7)

def shoot(value):
    os.kill(os.getpid(), 11)

def hang(value):
    time.sleep(value)

def not_json(value):
    return {"a": object()}

def nan(value):
    return float("nan")

def echo(value):
    return value

def meet(value):
    """Ends only if the others are there at the same time."""
    open(f"{value['folder']}/{value['me']}", "w").close()
    end = time.monotonic() + 10
    while len(os.listdir(value["folder"])) < value["people"]:
        if time.monotonic() > end:
            raise TimeoutError("nobody came")
        time.sleep(0.01)
    return os.getpid()

text = "not a function"
'''


@pytest.fixture
def python(caller, tmp_path):
    (tmp_path / "jobs.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("import no_such_dependency\n")
    (tmp_path / "crashing.py").write_text("raise RuntimeError('at import')\n")

    def make(**config):
        return caller(PythonClient("py", {"type": "python", **config}, str(tmp_path)))

    return make


def test_ways_to_name_a_function(python):
    assert python()("/jobs:double", {"n": 4}) == {"doubled": 8}
    assert python(module="jobs")("/double", {"n": 4}) == {"doubled": 8}
    named = python(components={"/twice": "jobs:double", "/too": {"function": "jobs:double_later"}})
    assert named("/twice", {"n": 4}) == {"doubled": 8}
    assert named("/too", {"n": 4}) == {"doubled": 8}
    assert python()("/jobs:Nested.method") == "nested"


def test_a_function_that_wants_the_context(python):
    assert python(module="jobs")("/who", {}, attempt=2) == {
        "step": "train",
        "attempt": 2,
        "key": "origin/train",
    }


def test_what_a_function_prints_is_log(python, capfd):
    assert python(module="jobs")("/noisy") == ""
    time.sleep(0.1)
    out, err = capfd.readouterr()
    assert out == ""
    for line in ("to stdout", "to descriptor 1", "from a child"):
        assert line in err


def test_a_function_gets_no_store_credential(python, monkeypatch):
    for name in ("FLOWC_STORE_URL", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "ORDINARY"):
        monkeypatch.setenv(name, "value")
    names = ["FLOWC_STORE_URL", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "ORDINARY", "OWN"]
    seen = python(module="jobs", env={"OWN": 1, "AWS_SECRET_ACCESS_KEY": "mine"})
    assert seen("/environment", names) == {
        "FLOWC_STORE_URL": None,
        "AWS_SECRET_ACCESS_KEY": "mine",
        "PGPASSWORD": None,
        "ORDINARY": "value",
        "OWN": "1",
    }


def test_a_worker_is_kept(python):
    functions = python(module="jobs")
    assert functions("/pid") == functions("/pid") != os.getpid()


def test_workers_on_demand(python, tmp_path):
    functions = python(module="jobs")
    folder = tmp_path / "meeting"
    folder.mkdir()
    value = {"folder": str(folder), "people": 3}
    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(functions, "/meet", {**value, "me": n}) for n in range(3)]
        assert len({call.result() for call in calls}) == 3


def test_exceptions(python):
    functions = python(module="jobs")
    error = functions.error("/boom")
    assert (error.error_class, error.code, error.type) == (
        ErrorClass.USER,
        "EXCEPTION",
        "ValueError",
    )
    assert (error.message, error.final) == ("kaput", False)
    assert 'raise ValueError("kaput")' in "\n".join(error.data["traceback"])
    assert functions.error("/out_of_stock").code == "NO_STOCK"


@pytest.mark.parametrize(("value", "code"), [(3, "EXIT_3"), (None, "EXIT_0"), ("why", "EXIT_1")])
def test_a_function_that_leaves(python, value, code):
    error = python(module="jobs").error("/leave", {} if value is None else value)
    assert error.type == "SystemExit"
    assert error.code == ("EXIT_1" if value is None else code)


@pytest.mark.parametrize(
    "component",
    [
        "/nothing:double",
        "/jobs.sub:double",
        "/jobs:nothing",
        "/jobs:text",
        "/double",
        "/",
        "/jobs:",
    ],
)
def test_functions_that_are_not_there(python, component):
    error = python().error(component)
    assert (error.code, error.final) == ("COMPONENT_NOT_FOUND", True)


def test_a_module_that_does_not_import(python):
    error = python().error("/broken:f")
    assert (error.code, error.type) == ("EXCEPTION", "ModuleNotFoundError")
    assert python().error("/crashing:f").message == "at import"


@pytest.mark.parametrize("component", ["/not_json", "/nan"])
def test_outputs_that_are_not_json(python, component):
    functions = python(module="jobs")
    error = functions.error(component)
    assert (error.code, error.final) == ("INVALID_OUTPUT", True)
    assert functions("/double", {"n": 1}) == {"doubled": 2}


@pytest.mark.parametrize(
    ("component", "said", "data"),
    [
        ("/die", "exit code 7", {"exit_code": 7}),
        ("/shoot", "SIGSEGV", {"signal": 11}),
    ],
)
def test_a_worker_that_dies(python, component, said, data):
    functions = python(module="jobs")
    error = functions.error(component)
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, "WORKER_DIED")
    assert said in error.message
    assert error.data == data
    assert functions("/double", {"n": 1}) == {"doubled": 2}


def test_a_timeout_kills_the_worker(python):
    functions = python(module="jobs")
    pid = functions("/pid")
    began = time.monotonic()
    error = functions.error("/hang", 20, timeout=0.3)
    assert error.error_class is ErrorClass.TIMEOUT
    assert time.monotonic() - began < 3
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_stopped_run_ends_the_call(python):
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    assert python(module="jobs").error("/hang", 20, cancelled=cancelled).code == "STOPPED"


def test_large_values_go_both_ways(python):
    value = {"text": "ü" * 3_000_000, "big": 2**70}
    assert python(module="jobs")("/echo", value) == value
