"""The part of the Kubernetes API that JobSets are made by, with processes in place of pods."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from tests.servers.local_http import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOG = "2026-01-02T03:04:05Z counted\n"
"""What each pod has printed."""
PODS = "/api/v1/namespaces/ns/pods"
TEMPLATES = "/api/v1/namespaces/ns/podtemplates"


@dataclass
class JobSetCluster:
    """``asked``: method and path of each request. ``away``: how many more get no answer.

    ``starts``: what happens after the processes of a JobSet were started.
    """

    templates: dict[str, Any]
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    made: list[dict[str, Any]] = field(default_factory=list)
    there: dict[str, list[subprocess.Popen[bytes]]] = field(default_factory=dict)
    away: int = 0
    starts: Callable[[list[subprocess.Popen[bytes]]], None] = lambda processes: None

    def create(self, document: dict[str, Any]) -> int:
        """Start the processes of a JobSet."""
        name = document["metadata"]["name"]
        if name in self.there:
            return 409
        self.made.append(document)
        [job] = document["spec"]["replicatedJobs"]
        spec = job["template"]["spec"]
        assert spec["completionMode"] == "Indexed"
        [container] = spec["template"]["spec"]["containers"]
        started = [_start(container, index) for index in range(spec["completions"])]
        self.there[name] = started
        self.starts(started)
        return 201

    def read(self, name: str) -> dict[str, Any] | None:
        """Return a JobSet with its status."""
        if name not in self.there:
            return None
        codes = [process.poll() for process in self.there[name]]
        failed = [code for code in codes if code]
        conditions = (
            [{"type": "Failed", "status": "True", "message": f"exit {failed}"}] if failed else []
        )
        return {"metadata": {"name": name}, "status": {"conditions": conditions}}

    def pods(self) -> dict[str, Any]:
        """Return the pods of all JobSets."""
        label = "batch.kubernetes.io/job-completion-index"
        return {
            "items": [
                {"metadata": {"name": f"{name}-{index}", "labels": {label: str(index)}}}
                for name, processes in self.there.items()
                for index in range(len(processes))
            ]
        }

    def delete(self, name: str) -> bool:
        """End the processes of a JobSet."""
        processes = self.there.pop(name, None)
        for process in processes or ():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)
        return processes is not None


def _start(container: dict[str, Any], index: int) -> subprocess.Popen[bytes]:
    given = {one["name"]: one.get("value", "").replace("$$", "$") for one in container["env"]}
    given |= {"JOB_COMPLETION_INDEX": str(index), "FLOWC_HOST": f"127.0.0.{index + 1}"}
    words = [word.replace("$$", "$") for word in container["args"]]
    return subprocess.Popen(
        [sys.executable, "-m", "flowc_shim", *words],
        env={"PATH": os.environ["PATH"], **given},
        start_new_session=True,
    )


@contextmanager
def job_set_cluster(templates: dict[str, Any]) -> Iterator[JobSetCluster]:
    """Yield a cluster that has JobSet and these PodTemplates; nothing of it is left afterwards."""
    cluster = JobSetCluster(templates)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = self.path.partition("?")[0]
            cluster.asked.append((self.command, path))
            if cluster.away:
                cluster.away -= 1
                self.say(500, {})
                return
            self.say(*_answer(cluster, self.command, path, body))

        do_GET = do_POST = do_DELETE = answer

        def say(self, code: int, document: Any) -> None:
            self.send_response(code)
            self.end_headers()
            text = document if isinstance(document, str) else json.dumps(document)
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    try:
        with serving(Handler) as url:
            cluster.url = url
            yield cluster
    finally:
        for name in list(cluster.there):
            cluster.delete(name)


def _answer(cluster: JobSetCluster, method: str, path: str, body: Any) -> tuple[int, Any]:
    name = re.sub(r".*/", "", path)
    if path.startswith(PODS):
        return 200, cluster.pods() if path == PODS else LOG
    if path.startswith(TEMPLATES):
        found = cluster.templates.get(name)
        return (404, {}) if found is None else (200, {"template": found})
    if method == "POST":
        return cluster.create(body), {}
    if method == "DELETE":
        return (200, {}) if cluster.delete(name) else (404, {})
    job_set = cluster.read(name)
    return (404, {}) if job_set is None else (200, job_set)
