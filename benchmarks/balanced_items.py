"""A thousand items through two HAProxy processes and three component servers.

Three runs: one server without a balancer; three servers behind two balancers; the same with one
server killed after a quarter of the calls and one that is slow. Writes ``balanced_items.md``.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.balancer.items import CONCURRENCY, Finding, run_items

COUNT = 1_000
PAUSE, SLOW = 0.05, 0.5
RUNS = {
    "one server, no balancer": ([PAUSE], {"balanced": False}),
    "three servers behind two balancers": ([PAUSE, PAUSE, PAUSE], {}),
    "the same, one killed, one slow": ([PAUSE, SLOW, PAUSE], {"kill_after": COUNT // 4}),
}


def main() -> None:
    """Run all three, print the page and write it."""
    found = {}
    for name, (pauses, options) in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = run_items(Path(folder), COUNT, pauses, **options)
            print(name, found[name], flush=True)
    page = _page(found)
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def _page(found: dict[str, Finding]) -> str:
    first = next(iter(found.values())).seconds
    rows = "\n".join(
        f"| {name} | {one.right} of {one.items} | {one.items - one.results} | "
        f"{one.results - one.items} | {one.repeated} | "
        f"{', '.join(map(str, one.begun))} | {one.seconds / first:.2f} |"
        for name, one in found.items()
    )
    haproxy = subprocess.run(["haproxy", "-v"], capture_output=True, text=True, check=True)
    return f"""\
# {COUNT:,} items through balancers

<!-- Written by benchmarks/balanced_items.py (`make bench-balancer`). -->

| run | right results | lost | doubled | calls begun again | calls begun, per server | time |
|---|---|---|---|---|---|---|
{rows}

**Method.** `flowc run` of a `foreach` over {COUNT:,} numbers, {CONCURRENCY} at a time, store in
SQLite. Each item is a call of a component on servers of Stepflow's published SDK 0.9.2; a call
takes {PAUSE} s and asks back twice, with answers on other connections. New connections go to the
two balancers in turn; configuration and start script are what flowc emits. *Slow*: {SLOW} s per
call. *Killed*: SIGKILL after {COUNT // 4} calls. Servers note every call that they begin, so that
what was begun again shows: external effects happen at least once, results are decided once. Time is
relative to the first run, on two cores that others used as well.

**Versions.** {haproxy.stdout.splitlines()[0].partition(" - ")[0]};
Python {platform.python_version()}; flowc {version("flowc")}.
"""


if __name__ == "__main__":
    main()
