"""Built-in components: inputs and outputs as Stepflow has them."""

from __future__ import annotations

import threading
import time

import pytest

from flowc_shim.components.builtins.client import BuiltinClient
from flowc_shim.contract.errors import ErrorClass

FLOW = {"steps": [], "output": 1}


@pytest.fixture
def builtins(caller, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return caller(BuiltinClient(str(folder)))


def success(value):
    return {"outcome": "success", "result": value}


FAILED = {"outcome": "failed", "error": {"code": "EXIT_3", "message": "no", "data": {"x": 1}}}


def test_noop_gives_its_input_back(builtins):
    assert builtins("/noop", [1, {"a": None}]) == [1, {"a": None}]


def test_create_messages(builtins):
    assert builtins("/create_messages", {"user_prompt": "hi", "system_instructions": "be"}) == {
        "messages": [{"role": "system", "content": "be"}, {"role": "user", "content": "hi"}]
    }
    assert builtins("/create_messages", {"user_prompt": "hi", "system_instructions": None}) == {
        "messages": [{"role": "user", "content": "hi"}]
    }


def test_blobs(builtins):
    blob_id = builtins("/put_blob", {"data": {"a": 1}, "blob_type": "data"})["blob_id"]
    assert builtins("/get_blob", {"blob_id": blob_id}) == {"data": {"a": 1}}
    assert builtins("/put_blob", {"data": None, "blob_type": "data"})["blob_id"]
    assert builtins.error("/get_blob", {"blob_id": "f" * 64}).code == "BLOB_NOT_FOUND"


def test_sleep(builtins):
    began = time.monotonic()
    assert builtins("/sleep", {"duration_ms": 50, "passthrough": [1]}) == {
        "duration_ms": 50,
        "passthrough": [1],
    }
    assert time.monotonic() - began >= 0.05
    assert builtins("/sleep", {"duration_ms": 0.5}) == {"duration_ms": 0.5}


def test_sleep_keeps_the_limits(builtins):
    assert builtins.error("/sleep", {"duration_ms": 9000}, timeout=0.1).code == "TIMEOUT"
    cancelled = threading.Event()
    threading.Timer(0.1, cancelled.set).start()
    assert builtins.error("/sleep", {"duration_ms": 9000}, cancelled=cancelled).code == "STOPPED"


def test_eval_wraps_the_result(builtins):
    flow_id = builtins.host.put_blob(FLOW, "flow")
    builtins.host.run = lambda flow, item: success({"got": item})
    output = builtins("/eval", {"flow_id": flow_id, "input": {"x": 5}})
    assert output["result"] == success({"got": {"x": 5}})
    assert output["run_id"] == builtins("/eval", {"flow_id": flow_id, "input": 1})["run_id"]
    assert builtins.host.runs[0] == (FLOW, [{"x": 5}], 1, None)


def test_eval_of_a_flow_that_fails_does_not_fail(builtins):
    flow_id = builtins.host.put_blob(FLOW, "flow")
    builtins.host.run = lambda flow, item: FAILED
    assert builtins("/eval", {"flow_id": flow_id, "input": 1})["result"] == FAILED


def test_eval_of_what_is_no_flow(builtins):
    blob_id = builtins.host.put_blob([1], "data")
    error = builtins.error("/eval", {"flow_id": blob_id, "input": 1})
    assert (error.code, error.final) == ("INVALID_INPUT", True)


def test_map_counts_the_outcomes(builtins):
    answers = {1: success(2), 2: FAILED, 3: {"outcome": "skipped"}, 4: success(8)}
    builtins.host.run = lambda flow, item: answers[item]
    output = builtins("/map", {"workflow": FLOW, "items": [1, 2, 3, 4], "max_concurrency": 2})
    assert output == {
        "results": list(answers.values()),
        "successful": 2,
        "failed": 1,
        "skipped": 1,
    }
    assert builtins.host.runs == [(FLOW, [1, 2, 3, 4], 2, None)]


def test_map_of_nothing(builtins):
    assert builtins("/map", {"workflow": FLOW, "items": []}) == {
        "results": [],
        "successful": 0,
        "failed": 0,
        "skipped": 0,
    }


def test_iterate_until_a_result(builtins):
    builtins.host.run = lambda flow, n: success({"next": n + 1} if n < 3 else {"result": f"at {n}"})
    assert builtins("/iterate", {"flow": FLOW, "initial_input": 0}) == {
        "result": "at 3",
        "iterations": 4,
        "terminated": False,
    }


def test_iterate_up_to_the_limit(builtins):
    builtins.host.run = lambda flow, n: success({"next": n + 1})
    assert builtins("/iterate", {"flow": FLOW, "initial_input": 0, "max_iterations": 5}) == {
        "result": 5,
        "iterations": 5,
        "terminated": True,
    }


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (FAILED, "EXIT_3"),
        ({"outcome": "failed", "error": {"code": 500, "message": "no"}}, "500"),
        ({"outcome": "skipped"}, "COMPONENT_FAILED"),
        (success({"neither": 1}), "INVALID_OUTPUT"),
        (success(5), "INVALID_OUTPUT"),
    ],
)
def test_iterate_fails_with_its_flow(builtins, result, code):
    builtins.host.run = lambda flow, item: result
    error = builtins.error("/iterate", {"flow": FLOW, "initial_input": 0})
    assert (error.error_class, error.code) == (ErrorClass.USER, code)


def test_a_flow_below_a_step_keeps_the_steps_timeout(builtins):
    builtins.host.run = lambda flow, item: (time.sleep(0.1), success({"next": 1}))[1]
    error = builtins.error("/iterate", {"flow": FLOW, "initial_input": 0}, timeout=0.25)
    assert error.error_class is ErrorClass.TIMEOUT
    assert 2 <= len(builtins.host.runs) <= 4


@pytest.mark.parametrize(
    ("component", "value"),
    [
        ("/create_messages", {}),
        ("/create_messages", {"user_prompt": 5}),
        ("/create_messages", "hi"),
        ("/put_blob", {"data": 1}),
        ("/put_blob", {"data": 1, "blob_type": "secret"}),
        ("/put_blob", {"blob_type": "data"}),
        ("/get_blob", {}),
        ("/sleep", {"duration_ms": -1}),
        ("/sleep", {"duration_ms": True}),
        ("/map", {"workflow": FLOW, "items": {}}),
        ("/map", {"workflow": "x", "items": []}),
        ("/map", {"workflow": FLOW, "items": [], "max_concurrency": 0}),
        ("/iterate", {"flow": FLOW}),
        ("/iterate", {"flow": FLOW, "initial_input": 1, "max_iterations": 1.5}),
        ("/load_file", {"path": "a", "format": "xml"}),
        ("/openai", {}),
        ("/openai", {"messages": [], "stream": True}),
    ],
)
def test_inputs_that_do_not_fit(builtins, component, value, tmp_path):
    (tmp_path / "work" / "a").write_text("")
    error = builtins.error(component, value)
    assert (error.error_class, error.code, error.final) == (
        ErrorClass.USER,
        "INVALID_INPUT",
        True,
    )


def test_fields_that_a_component_does_not_have_are_ignored(builtins):
    assert builtins("/create_messages", {"user_prompt": "hi", "mood": "good"})


def test_a_built_in_that_is_not_there(builtins):
    error = builtins.error("/nope")
    assert (error.code, error.final) == ("COMPONENT_NOT_FOUND", True)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "work"


@pytest.mark.parametrize(
    ("name", "text", "data", "kind"),
    [
        ("a.json", '{"n": 1, "f": 1.0}', {"n": 1, "f": 1.0}, "json"),
        (
            "a.yaml",
            "n: 1\nday: 2024-01-02\nno: no\nx: 0x1F\nf: 1e3\nz: ~\n",
            {
                "n": 1,
                "day": "2024-01-02",
                "no": "no",
                "x": 31,
                "f": 1000.0,
                "z": None,
            },
            "yaml",
        ),
        ("a.yml", "- yes\n- true\n- 1_000\n- 010\n", ["yes", True, "1_000", 10], "yaml"),
        ("a.txt", "grüß\n", "grüß\n", "text"),
        ("README", "hello", "hello", "text"),
    ],
)
def test_load_file(builtins, folder, name, text, data, kind):
    (folder / name).write_text(text, encoding="utf-8")
    assert builtins("/load_file", {"path": name}) == {
        "data": data,
        "metadata": {
            "resolved_path": str(folder / name),
            "size_bytes": len(text.encode()),
            "format": kind,
        },
    }


def test_load_file_takes_the_format_that_is_asked_for(builtins, folder):
    (folder / "a.json").write_text("[1]")
    assert builtins("/load_file", {"path": "a.json", "format": "text"})["data"] == "[1]"


def test_load_file_stays_below_the_working_directory(builtins, folder, tmp_path):
    (tmp_path / "secret.txt").write_text("s3cret")
    (folder / "sub").mkdir()
    (folder / "inside.txt").write_text("fine")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "good.txt").symlink_to(folder / "inside.txt")
    for path in (
        "../secret.txt",
        "sub/../../secret.txt",
        "sub/../inside.txt",
        "link.txt",
        "up/secret.txt",
        str(tmp_path / "secret.txt"),
        "/etc/passwd",
        "sub",
        "missing.txt",
        "nul\0",
    ):
        error = builtins.error("/load_file", {"path": path})
        assert (error.code, error.final) == ("INVALID_INPUT", True), path
        assert "s3cret" not in error.message
    assert builtins("/load_file", {"path": "good.txt"})["data"] == "fine"
    assert builtins("/load_file", {"path": str(folder / "inside.txt")})["data"] == "fine"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"{"),
        ("a.json", b"NaN"),
        ("a.yaml", b"a: [1"),
        ("a.yaml", b"1: a"),
        ("a.yaml", b"!!python/object/apply:os.system [ls]"),
        ("a.yaml", b"!!timestamp 2024-01-01"),
        ("a.txt", b"\xff"),
    ],
)
def test_load_file_of_what_does_not_read(builtins, folder, name, content):
    (folder / name).write_bytes(content)
    assert builtins.error("/load_file", {"path": name}).code == "INVALID_INPUT"
