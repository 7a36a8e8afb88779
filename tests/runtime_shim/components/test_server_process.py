"""Component servers that the client starts, and that die."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from flowc_shim.components.clients import open_client
from flowc_shim.contract.errors import ErrorClass


@pytest.fixture(params=["0.9.2", "0.11.2"])
def started(request, sdk, caller, tmp_path):
    """Make callers of servers that are started by ``command``."""

    def start(*args, **more):
        config = {
            "type": "stepflow",
            "command": str(sdk.server_python(request.param)),
            "args": [str(sdk.COMPONENT_SERVER), *args],
            **more,
        }
        client = open_client("own", config, blob_api_url=None, working_directory=str(tmp_path))
        return caller(client)

    return start


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_server_is_started_once_and_ended(started):
    components = started("--chatter")
    pid = components("/pid")["pid"]
    assert components("/pid")["pid"] == pid
    components.client.close()
    assert not alive(pid)


def test_a_server_gets_no_store_credential(started, monkeypatch):
    monkeypatch.setenv("FLOWC_STORE_URL", "postgresql://secret")
    assert started()("/pid")["secret"] is None
    assert started(env={"FLOWC_STORE_URL": "given"})("/pid")["secret"] == "given"


def test_a_server_that_dies_in_a_call_is_started_again(started):
    components = started()
    first = components("/pid")["pid"]
    error = components.error("/die")
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, "UNREACHABLE")
    assert "exit code 7" in error.message
    assert "last words" in error.message
    assert components("/pid")["pid"] != first


def test_a_server_that_dies_while_it_streams(started):
    components = started()
    flow_id = components.host.put_blob({"steps": []}, "flow")
    error = components.error("/die_streaming", {"flow_id": flow_id})
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, "STREAM_ENDED")
    assert "exit code 7" in error.message


def test_a_server_that_does_not_start(started):
    error = started("--fail-start").error("/add")
    assert (error.code, error.final) == ("SERVER_START", True)
    assert "exit code 1" in error.message
    assert "no licence found" in error.message


def test_a_component_of_a_new_sdk_needs_a_blob_api(started, request):
    if "0.9.2" in request.node.name:
        assert started()("/blobby", {"payload": {}})["echoed"] == {}
    else:
        error = started().error("/blobby", {"payload": {}})
        assert (error.code, error.final) == ("NO_BLOB_API", True)


@pytest.fixture
def script(caller, tmp_path):
    """Make callers of servers that are Python programs given as text."""

    def make(text, **more):
        config = {"type": "stepflow", "command": sys.executable, "args": ["-c", text], **more}
        client = open_client("own", config, blob_api_url=None, working_directory=str(tmp_path))
        return caller(client)

    return make


def test_a_command_that_is_not_there(caller, tmp_path):
    config = {"type": "stepflow", "command": "./no-such-server"}
    client = open_client("own", config, blob_api_url=None, working_directory=str(tmp_path))
    error = caller(client).error("/add")
    assert (error.code, error.final) == ("SERVER_START", True)
    assert "no-such-server" in error.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import time; time.sleep(30)", "printed no line with its port"),
        ("print('{\"port\": 1}', flush=True); import time; time.sleep(30)", "did not answer"),
        ("import sys; sys.stdout.close(); import os, time; os.close(1); time.sleep(30)", "closed"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
    ],
)
def test_a_server_that_never_serves(script, text, said):
    began = time.monotonic()
    error = script(text, healthCheck={"timeoutMs": 500}).error("/add")
    assert (error.code, error.final) == ("SERVER_START", True)
    assert said in error.message
    assert time.monotonic() - began < 5


def test_a_stopped_run_does_not_wait_for_a_server(script):
    cancelled = threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    began = time.monotonic()
    error = script("import time; time.sleep(30)").error("/add", cancelled=cancelled)
    assert error.code == "STOPPED"
    assert time.monotonic() - began < 3
