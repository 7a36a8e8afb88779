"""Programs in several places at once."""

from __future__ import annotations

import socket
import sys
import threading

import pytest

from flowc_shim.components.command import CommandClient
from flowc_shim.components.together import hosts_here
from flowc_shim.contract.errors import ErrorClass

TALK = """
import json, os, socket
hosts, me = os.environ["FLOWC_HOSTS"].split(","), int(os.environ["FLOWC_LOCATION"])
port = json.load(open(os.environ["FLOWC_INPUT"]))["port"]
if me:
    while True:
        try:
            line = socket.create_connection((hosts[0], port), source_address=(hosts[me], 0))
            break
        except ConnectionRefusedError:
            pass
    line.sendall(str(me).encode())
    line.recv(1)  # until the first one is gone
else:
    server = socket.create_server((hosts[0], port))
    heard = {}
    while len(heard) < len(hosts) - 1:
        line, (address, _) = server.accept()
        heard[line.recv(9).decode()] = address
    json.dump({"hosts": hosts, "heard": heard}, open(os.environ["FLOWC_OUTPUT"], "w"))
"""
SECOND_FAILS = "import os, sys\nif os.environ['FLOWC_LOCATION'] == '1': sys.exit(4)\n"


@pytest.fixture
def programs(caller, tmp_path):
    hang = "import time; time.sleep(60)"
    texts = {"talk": TALK, "second_fails": SECOND_FAILS + hang, "hang": hang}
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    components = {f"/{name}": {"command": sys.executable, "args": [f"{name}.py"]} for name in texts}
    config = {"type": "command", "components": components}
    return caller(CommandClient("cmd", config, str(tmp_path)))


def places(count: int):
    return {"hosts": hosts_here(count), "ranks": tuple(range(count))}


def test_they_find_each_other_and_the_first_one_answers(programs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]  # free once this is closed
    answer = programs("/talk", {"port": port}, **places(3))
    assert answer == {
        "hosts": ["127.0.0.1", "127.0.0.2", "127.0.0.3"],
        "heard": {"1": "127.0.0.2", "2": "127.0.0.3"},
    }


def test_one_that_fails_fails_the_call_and_ends_the_rest(programs) -> None:
    error = programs.error("/second_fails", **places(3))
    assert (error.error_class, error.code) == (ErrorClass.USER, "EXIT_4")


def test_a_time_limit_ends_all(programs) -> None:
    assert programs.error("/hang", timeout=0.3, **places(2)).code == "TIMEOUT"


def test_a_run_that_is_stopped_ends_all(programs) -> None:
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    assert programs.error("/hang", cancelled=cancelled, **places(2)).code == "STOPPED"


def test_many_places_have_different_addresses() -> None:
    assert hosts_here(1) == ()
    assert len(set(hosts_here(600))) == 600
    assert hosts_here(600)[254] == "127.0.1.1"
