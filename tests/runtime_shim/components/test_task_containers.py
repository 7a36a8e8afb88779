"""Programs in a container beside the shim's, with a server that says what ECS would say."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flowc_shim.components import task_container
from flowc_shim.components.clients import open_client
from flowc_shim.components.ecs_task import ENDPOINT, FOLDER, GATE, PROGRAM
from flowc_shim.components.task_container import TaskContainerClient, await_file
from flowc_shim.contract.errors import ErrorClass, FlowError

from .conftest import Host, make_call

RUNNING = {"Name": "program", "KnownStatus": "RUNNING"}
WAITING = {"Name": "program", "KnownStatus": "CREATED"}


def stopped(name="program", **more):
    return {"Name": name, "KnownStatus": "STOPPED", **more}


def failing(call):
    with pytest.raises(FlowError) as caught:
        call()
    return caught.value.info


class Task:
    """A task whose containers are as the test says, one answer after the other; then the last."""

    def __init__(self, folder):
        self.folder = folder
        self.answers = []
        self.asked = []
        task = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                task.asked.append((self.path, (folder / GATE).exists()))
                answer = task.answers[0]
                if len(task.answers) > 1:
                    task.answers.pop(0)
                if answer is None:
                    self.send_error(500)
                    return
                text = json.dumps({"Containers": answer}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.environ = {
            ENDPOINT: f"http://127.0.0.1:{self.server.server_address[1]}/v4/1",
            PROGRAM: "/do",
            FOLDER: str(folder),
        }
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def client(self):
        return TaskContainerClient("own", self.environ)

    def writes(self, output):
        """Let the output be there before it is looked for."""
        (self.folder / "output.json").write_text(json.dumps(output))


@pytest.fixture
def task(tmp_path, monkeypatch):
    monkeypatch.setattr(task_container, "POLL_SECONDS", 0.01)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # which the endpoint is not behind
    folder = tmp_path / "flowc"
    folder.mkdir(mode=0o700)
    made = Task(folder)
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_the_program_begins_when_its_input_is_there(task):
    task.answers = [[WAITING], [RUNNING], None, [stopped(ExitCode=0)]]
    task.writes({"y": 1})
    client = task.client()
    assert not client.used_up
    assert client.call(make_call("/do", {"x": 1}, attempt=2), Host()) == {"y": 1}
    assert task.asked == [("/v4/1/task", True)] * 4
    assert json.loads((task.folder / "input.json").read_text()) == {"x": 1}
    assert json.loads((task.folder / "call.json").read_text()) == {
        "step": "train", "attempt": 2, "idempotency_key": "origin/train"
    }  # fmt: skip
    # whoever the image runs as
    assert task.folder.stat().st_mode & 0o777 == 0o777
    assert (task.folder / "files-out").stat().st_mode & 0o777 == 0o777
    assert (task.folder / "input.json").stat().st_mode & 0o444 == 0o444
    client.close()
    assert task.folder.exists(), "it goes with the task"


@pytest.mark.parametrize(
    ("containers", "kind", "code"),
    [
        ([stopped(ExitCode=3)], ErrorClass.USER, "EXIT_3"),
        ([stopped(ExitCode=137)], ErrorClass.PLATFORM, "OOM"),
        ([stopped()], ErrorClass.PLATFORM, "CONTAINER_START"),
        ([WAITING, stopped("gate", ExitCode=1)], ErrorClass.PLATFORM, "CONTAINER_START"),
        ([stopped(ExitCode=0)], ErrorClass.USER, "INVALID_OUTPUT"),
    ],
)
def test_how_a_program_may_end(task, containers, kind, code):
    task.answers = [[WAITING], containers]
    error = failing(lambda: task.client().call(make_call("/do"), Host()))
    assert (error.error_class, error.code) == (kind, code)


def test_a_task_of_which_nobody_says_anything(task, monkeypatch):
    monkeypatch.setattr(task_container, "SILENT_SECONDS", 0.1)
    task.answers = [None]
    error = failing(lambda: task.client().call(make_call("/do"), Host()))
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, "CONTAINER_LOST")


def test_a_program_runs_once(task):
    task.answers = [[stopped(ExitCode=3)]]
    client = task.client()
    failing(lambda: client.call(make_call("/do"), Host()))
    assert client.used_up
    error = failing(lambda: client.call(make_call("/do"), Host()))
    assert (error.code, error.final) == ("CONFIGURATION", True)


def test_a_component_without_a_container_here(task):
    client = task.client()
    error = failing(lambda: client.call(make_call("/other"), Host()))
    assert (error.code, error.final) == ("CONFIGURATION", True)
    assert not client.used_up
    assert not (task.folder / GATE).exists()


def test_a_program_that_takes_too_long(task):
    task.answers = [[RUNNING]]
    error = failing(lambda: task.client().call(make_call("/do", timeout=0.1), Host()))
    assert error.error_class is ErrorClass.TIMEOUT


def test_which_client_a_class_gets(task, monkeypatch, tmp_path):
    def opened():
        config = {"type": "container"}
        client = open_client("own", config, blob_api_url=None, working_directory=str(tmp_path))
        return type(client).__name__

    monkeypatch.setenv(ENDPOINT, "http://here")  # every task has it
    assert opened() == "ContainerClient"
    monkeypatch.setenv(PROGRAM, "/do")
    monkeypatch.setenv(FOLDER, str(tmp_path))
    assert opened() == "TaskContainerClient"


def test_the_gate_opens_with_the_file(tmp_path):
    gate = threading.Thread(target=await_file, args=(tmp_path / "open", 0.01), daemon=True)
    gate.start()
    time.sleep(0.05)
    assert gate.is_alive()
    (tmp_path / "open").touch()
    gate.join(5)
    assert not gate.is_alive()
