"""A flow over many items, each a call through balancers to servers that die or are slow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.balancer.cluster import BALANCERS, CALLS_PORT, Cluster, Service
from tests.servers import stepflow_sdk

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVER = Path(__file__).with_name("item_server.py")
CONCURRENCY = 24
FLOW = """
schema: flowc/v1
name: squares
steps:
  - id: each
    foreach: {items: {$input: numbers}, concurrency: CONCURRENCY}
    component: /t/square
    input: {n: {$item: $}}
    retry: {platform: {max: 8, delay: 200ms, cap: 2s}}
    timeout: 2m
output: {$step: each}
""".replace("CONCURRENCY", str(CONCURRENCY))
STACK = """
target: local
state_store: "sqlite:///state.db"
plugins: {t: {type: stepflow, url: "URL"}}
routes: {"/t/{*component}": [{plugin: t}]}
"""


@dataclass(frozen=True)
class Finding:
    """What came of a run. ``begun``: calls that servers began, per server."""

    items: int
    right: int
    results: int
    begun: tuple[int, ...]
    repeated: int
    seconds: float


def run_items(
    folder: Path,
    count: int,
    pauses: Sequence[float],
    *,
    balanced: bool = True,
    kill_after: int | None = None,
) -> Finding:
    """Run the flow over ``count`` items.

    ``pauses``: seconds per call, a server each. ``balanced``: through two balancers, else to the
    first server. ``kill_after``: the last server is killed once so many calls were begun.
    """
    calls = folder / "calls"
    calls.touch()
    cluster = Cluster(folder)
    service = None
    try:
        for pause in pauses:
            python = str(stepflow_sdk.server_python(cluster.sdk))
            cluster.start_servers(1, python, str(SERVER), CALLS=str(calls), PAUSE=str(pause))
        if balanced:
            cluster.start_balancers()
            service = Service([(cluster.addresses[name], CALLS_PORT) for name in BALANCERS])
            url = service.url
        else:
            url = f"http://{cluster.dns.addresses[0]}:{cluster.port}"
        (folder / "flow.yaml").write_text(FLOW)
        (folder / "stack.yaml").write_text(STACK.replace("URL", url))
        (folder / "input.json").write_text(json.dumps({"numbers": list(range(count))}))
        began = time.monotonic()
        run = subprocess.Popen(
            [str(Path(sys.executable).parent / "flowc"), "run", "flow.yaml", "--input",
             "@input.json"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if kill_after is not None:
            while run.poll() is None and len(_lines(calls)) < kill_after:
                time.sleep(0.02)
            assert run.poll() is None, "the run was over before the server was killed"
            cluster.kill_server(cluster.dns.addresses[-1])
        out, err = run.communicate(timeout=900)
        seconds = time.monotonic() - began
        assert run.returncode == 0, err[-4000:]
        pids = [process.pid for process in cluster.servers.values()]
    finally:
        if service is not None:
            service.close()
        cluster.close()
    return _finding(count, json.loads(out), _lines(calls), pids, seconds)


def _finding(
    count: int, results: list[dict[str, int]], lines: list[str], pids: list[int], seconds: float
) -> Finding:
    by_item = Counter(int(line.split()[0]) for line in lines)
    by_server = Counter(int(line.split()[1]) for line in lines)
    assert set(by_item) == set(range(count))
    return Finding(
        items=count,
        right=sum(one == {"n": n, "square": n * n} for n, one in enumerate(results)),
        results=len(results),
        begun=tuple(by_server[pid] for pid in pids),
        repeated=sum(times - 1 for times in by_item.values()),
        seconds=seconds,
    )


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
