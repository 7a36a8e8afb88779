"""A Kubernetes API over HTTP with the few pods that a shim makes, and what runs them.

An image is a program of this machine: containers are processes whose environment is that of their
container and nothing else. The pod's folder is one of this machine, and takes the place of
``/flowc`` wherever that is named.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.local_http import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Document = dict[str, Any]
TICK = 0.02
SPECS = "/api/v1/namespaces/ns"


@dataclass
class Kubelet:
    """``secrets``: by name. ``waiting``: image → why its containers do not start. ``faults``: what
    the next requests get instead of an answer: a code, or None for a connection that breaks.
    ``reaches``: called at moments of a pod's life (``made``, ``running``, ``ended``, ``deleted``).
    """

    folder: Path
    plan: Path
    templates: dict[str, Document] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    faults: list[int | None] = field(default_factory=list)
    pods: dict[str, Document] = field(default_factory=dict)
    made: list[Document] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    reaches: Callable[[str, Document], None] = lambda _what, _pod: None
    processes: dict[str, list[subprocess.Popen[bytes]]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    # what people and controllers do

    def create(self, pod: Document) -> None:
        pod["status"] = {"phase": "Pending"}
        with self.lock:
            self.pods[pod["metadata"]["name"]] = pod
            self.made.append(json.loads(json.dumps(pod)))
        self.reaches("made", pod)
        threading.Thread(target=self._live, args=(pod,), daemon=True).start()

    def delete(self, name: str) -> Document | None:
        """Delete a pod; it is gone a moment later."""
        with self.lock:
            pod = self.pods.get(name)
            if pod is None or "deletionTimestamp" in pod["metadata"]:
                return pod
            pod["metadata"]["deletionTimestamp"] = "now"
            self.deleted.append(name)
        threading.Thread(target=self._gone, args=(name,), daemon=True).start()
        return pod

    def evict(self, name: str) -> None:
        """End a pod as a kubelet does that runs out of something."""
        pod = self.pods[name]
        with self.lock:
            pod["status"] |= {"phase": "Failed", "reason": "Evicted", "message": "out of disk"}
        self._kill(name)

    def close(self) -> None:
        """End all processes."""
        for name in list(self.processes):
            self._kill(name)

    def _gone(self, name: str) -> None:
        self._kill(name)
        time.sleep(5 * TICK)
        with self.lock:
            pod = self.pods.pop(name, None)
        if pod is not None:
            self.reaches("deleted", pod)

    def _kill(self, name: str) -> None:
        for process in self.processes.get(name, ()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    # what a kubelet does

    def _live(self, pod: Document) -> None:
        name = pod["metadata"]["name"]
        place = self.folder / name
        (place / "flowc").mkdir(parents=True)
        (stage,) = pod["spec"]["initContainers"]
        status: Document = {"initContainerStatuses": [_status("stage")]}
        self._say(pod, **status)
        code = self._run(pod, stage).wait()
        self._end(pod, "initContainerStatuses", "stage", code, place)
        if code:
            self._say(pod, phase="Failed")
            return
        self._say(pod, containerStatuses=[_status("program"), _status("collect")])
        by_name = {one["name"]: one for one in pod["spec"]["containers"]}
        reason = self.waiting.get(by_name["program"]["image"])
        if reason is not None:
            waiting = {"waiting": {"reason": reason, "message": "says the registry"}}
            self._set(pod, "containerStatuses", "program", waiting)
            return
        collect = self._run(pod, by_name["collect"])
        program = self._run(pod, by_name["program"])
        self._set(pod, "containerStatuses", "program", {"running": {}})
        self._say(pod, phase="Running")
        self.reaches("running", pod)
        self._end(pod, "containerStatuses", "program", program.wait(), place)
        self.reaches("ended", pod)
        self._end(pod, "containerStatuses", "collect", collect.wait(), place)
        done = program.returncode == 0 == collect.returncode
        if pod["status"]["phase"] == "Running":
            self._say(pod, phase="Succeeded" if done else "Failed")

    def _run(self, pod: Document, container: Document) -> subprocess.Popen[bytes]:
        name = pod["metadata"]["name"]
        place = self.folder / name
        env = {one["name"]: self._value(one, place) for one in container["env"]}
        words = [*container.get("command", ()), *container.get("args", ())]
        words = [self._text(word, place) for word in words]
        if container["name"] != "program":
            assert words.pop(0) == "flowc-shim"
            words = [sys.executable, "-m", "flowc_shim", *words]
            env |= {
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "FLOWC_PLAN": str(self.plan),
            }
        process = subprocess.Popen(
            words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        self.processes.setdefault(name, []).append(process)
        log = place / f"{container['name']}.log"
        log.touch()
        threading.Thread(target=_pump, args=(process, log), daemon=True).start()
        return process

    def _value(self, variable: Document, place: Path) -> str:
        if "value" in variable:
            return self._text(variable["value"], place)
        return self.secrets[variable["valueFrom"]["secretKeyRef"]["name"]]

    def _text(self, text: str, place: Path) -> str:
        return text.replace("/flowc", str(place / "flowc")).replace("$$", "$")

    def _end(self, pod: Document, kind: str, container: str, code: int, place: Path) -> None:
        end: Document = {"exitCode": 128 - code if code < 0 else code, "reason": "Error"}
        if code:
            lines = (place / f"{container}.log").read_text().splitlines()
            end["message"] = "\n".join(line.partition(" ")[2] for line in lines[-5:])
        if pod["metadata"].get("labels", {}).get("oom"):
            end["reason"] = "OOMKilled"
        self._set(pod, kind, container, {"terminated": end})

    def _set(self, pod: Document, kind: str, container: str, state: Document) -> None:
        with self.lock:
            for one in pod["status"][kind]:
                if one["name"] == container:
                    one["state"] = state

    def _say(self, pod: Document, **status: Any) -> None:
        with self.lock:
            pod["status"] |= status

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the program's log until it has ended."""
        log = self.folder / name / "program.log"
        with log.open("rb") as stream:
            while True:
                line = stream.readline()
                if line:
                    yield line
                    continue
                states = self.pods.get(name, {}).get("status", {}).get("containerStatuses", [])
                if not any("running" in one["state"] for one in states):
                    yield from stream
                    return
                time.sleep(TICK)


def _status(name: str) -> Document:
    return {"name": name, "state": {"waiting": {"reason": "PodInitializing"}}}


def _pump(process: subprocess.Popen[bytes], log: Path) -> None:
    """Write what a container prints, each line with its time."""
    assert process.stdout is not None
    with process.stdout as stream, log.open("ab", buffering=0) as file:
        for line in stream:
            now = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
            file.write(f"{now} ".encode() + line)


@contextlib.contextmanager
def running(kubelet: Kubelet) -> Iterator[str]:
    """Serve the API; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, code: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            url = urlsplit(self.path)
            kubelet.asked.append(f"{self.command} {url.path.removeprefix(SPECS)}")
            assert self.headers["Authorization"] == "Bearer t"
            with kubelet.lock:
                fault = kubelet.faults.pop(0) if kubelet.faults else 0
            if fault is None:
                self.close_connection = True
                return
            if fault:
                self._answer(fault, {"kind": "Status", "message": "it says no"})
                return
            kind, _, name = url.path.removeprefix(f"{SPECS}/").partition("/")
            if kind == "podtemplates":
                found = kubelet.templates.get(name)
            elif self.command == "POST":
                assert body is not None
                if body["metadata"]["name"] in kubelet.pods:
                    self._answer(409, {})
                    return
                kubelet.create(body)
                found = body
            elif self.command == "DELETE":
                found = kubelet.delete(name)
            elif name.endswith("/log"):
                self._log(name.removesuffix("/log"), parse_qs(url.query))
                return
            else:
                found = kubelet.pods.get(name)
            with kubelet.lock:
                self._answer(404, {}) if found is None else self._answer(200, found)

        def _log(self, name: str, query: dict[str, list[str]]) -> None:
            assert query["container"] == ["program"]
            self.send_response(200)
            self.end_headers()
            for line in kubelet.lines(name):
                self.wfile.write(line)
                self.wfile.flush()

        do_GET = do_POST = do_DELETE = _serve

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    try:
        with serving(Handler) as url:
            yield url
    finally:
        kubelet.close()
