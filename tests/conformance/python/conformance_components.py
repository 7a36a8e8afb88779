"""Components of the conformance flows: what they do is all in their input."""

from __future__ import annotations

import os
import signal
import time
import uuid
from pathlib import Path
from typing import Any


class Refused(Exception):
    """A failure with a code of its own."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def echo(value: Any) -> Any:
    """Give back the input."""
    return value


def length(value: str) -> int:
    """Give how long a text is."""
    return len(value)


def chat(value: dict[str, Any]) -> Any:
    """Print ``value``, and give it."""
    print(f"said: {value['value']}", flush=True)
    return value["value"]


def add(value: dict[str, Any]) -> Any:
    """Give the sum of ``a`` and ``b``."""
    return {"sum": value["a"] + value["b"]}


def fail(value: dict[str, Any]) -> Any:
    """Fail with ``message`` and, if given, ``code``; not before call ``after`` has begun."""
    if "after" in value:
        wait_for({"path": str(Path(value["dir"], value["after"]))})
    if value.get("code"):
        raise Refused(value.get("message", "no"), value["code"])
    raise ValueError(value.get("message", "no"))


def fail_if(value: dict[str, Any]) -> Any:
    """Fail if ``bad``, else give ``value``."""
    if value["bad"]:
        raise ValueError("bad")
    return value["value"]


def _turn(value: dict[str, Any]) -> int:
    """Count the calls under ``dir``/``name``; this one's number, from 1."""
    folder = Path(value["dir"])
    number = 1
    while True:
        try:
            (folder / f"{value['name']}-{number}").touch(exist_ok=False)
            return number
        except FileExistsError:
            number += 1


def flaky(value: dict[str, Any]) -> Any:
    """Fail the first ``times`` calls, then give the number of the call."""
    number = _turn(value)
    if number <= value["times"]:
        raise Refused(f"call {number}", value.get("code", "FLAKY"))
    return {"calls": number}


def slow(value: dict[str, Any]) -> Any:
    """Take ``seconds``, then give ``value``; with ``name`` say first that it has begun."""
    if "name" in value:
        Path(value["dir"], value["name"]).touch()
    time.sleep(value["seconds"])
    return value.get("value")


def wait_for(value: dict[str, Any]) -> Any:
    """Wait until there is a file ``path``, a minute at most, then give ``value``."""
    end = time.monotonic() + 60
    while not Path(value["path"]).exists():
        if time.monotonic() > end:
            raise Refused("nobody made the file", "WAITED")
        time.sleep(0.02)
    return value.get("value")


def at_once(value: dict[str, Any]) -> Any:
    """Give how many calls under ``dir``/``name`` were running at some time during this one."""
    folder = Path(value["dir"])
    mine = folder / f"{value['name']}-{uuid.uuid4().hex}"
    mine.touch()
    seen = 0
    for _ in range(4):
        seen = max(seen, len(list(folder.glob(f"{value['name']}-*"))))
        time.sleep(0.1)
    mine.unlink()
    return seen


def die(value: dict[str, Any]) -> Any:
    """End the worker process the first ``times`` calls: a failure of class platform."""
    if _turn(value) <= value["times"]:
        os._exit(7)
    return "lived"


def kill_shim(value: dict[str, Any]) -> Any:
    """Kill the shim that called, the first ``times`` calls: it can say nothing."""
    if _turn(value) <= value["times"]:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(30)
    return "lived"


def gate(value: dict[str, Any]) -> Any:
    """Say that the call came, and wait until the test opens the gate: it orders what happens."""
    folder = Path(value["dir"])
    (folder / f"{value['name']}.came").touch()
    end = time.monotonic() + 120
    while not (folder / f"{value['name']}.open").exists():
        if time.monotonic() > end:
            raise Refused(f"nobody opened gate {value['name']}", "GATE")
        time.sleep(0.05)
    return value.get("value")


def hungry(value: dict[str, Any]) -> Any:
    """Take all the memory there is, the first ``times`` calls."""
    if _turn(value) <= value["times"]:
        taken = []
        while True:
            taken.append(bytearray(16 * 2**20))
    return "fed"


def count_calls(value: dict[str, Any]) -> int:
    """Give how often it was called under this name, this call included."""
    return _turn(value)


def write_file(value: dict[str, Any], context: Any) -> Any:
    """Write ``text`` to file ``name`` and give it back by reference."""
    path = Path(context.files_out, value["name"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value["text"], encoding="utf-8")
    return {"file": {"$artifact": value["name"]}}


def read_file(value: dict[str, Any]) -> Any:
    """Give the text of a file that came by reference."""
    return Path(value["path"]).read_text(encoding="utf-8")


def read_files(value: list[dict[str, Any]]) -> Any:
    """Give the texts of several files."""
    return [read_file(one["file"]) for one in value]


def lose_file(value: Any, context: Any) -> Any:
    """Write a file and say nothing of it."""
    Path(context.files_out, "x").touch()
    return value
