"""Calls in several places on Kubernetes: shims in processes of their own, and who leads them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.runtime_shim.runner.world import Components, World
from tests.servers.job_set_cluster import JobSetCluster, job_set_cluster
from tests.targets.argo.flows import compiled

from flowc_shim.engines.kube_api import KubeApi
from flowc_shim.runner import keys, places
from flowc_shim.runner.places import Places
from flowc_shim.stores.open import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowc_shim.stores.api import StateStore

PROGRAM = """\
import json, os, sys, time
said = json.load(open(os.environ["FLOWC_INPUT"]))
place, attempt = os.environ["FLOWC_LOCATION"], os.environ["FLOWC_ATTEMPT"]
open(os.path.join(said["dir"], f"{place}-{attempt}"), "w").close()
if said["fails"] == int(place):
    sys.exit(3)
if place != "0" or said["sleeps"] or said["fails"] is not None:
    time.sleep(60)
while len([name for name in os.listdir(said["dir"]) if name.endswith(attempt)]) < 3:
    time.sleep(0.05)
with open(os.environ["FLOWC_OUTPUT"], "w") as output:
    json.dump({"hosts": os.environ["FLOWC_HOSTS"], "$": "$(PATH)"}, output)
"""
FLOW = """
steps:
  - id: solve
    component: /solve
    input: {dir: {$input: dir}, fails: {$input: fails}, sleeps: {$input: sleeps}}
    timeout: 45s
    retry: {platform: {max: 1, delay: 0s}}
output: {$step: solve}
"""
OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "me", "uid": "u-1"}


class Setup:
    """A run whose one step is in three places, its store a folder, and a cluster for them."""

    def __init__(self, folder: Path, cluster: JobSetCluster, timeout: str) -> None:
        (folder / "told").mkdir(exist_ok=True)
        program = folder / "program.py"
        program.write_text(PROGRAM)
        (folder / "token").write_text("t")
        stack = f"""
            state_store: s3://bucket/state
            job_set: true
            plugins:
              solver:
                type: command
                components: {{/solve: {{command: [{sys.executable}, {program}]}}}}
            routes: {{"/{{*component}}": [{{plugin: solver}}]}}
            bindings: [{{step: /, locations: 3}}]
        """
        self.folder, self.cluster = folder, cluster
        plan = compiled(FLOW.replace("45s", timeout), stack).plan
        (folder / "plan.json").write_text(json.dumps(plan.to_json()))
        self.store: StateStore = open_store(f"file://{folder}/state")
        self.world = World(plan, Components(), self.store)
        self.arguments = ["run-unit", f"--plan={plan.digest}", "--run=run-1", "--unit=solve"]

    def lead(self, **given: Any) -> dict[str, Any]:
        """Run the unit; return the step's record as JSON."""
        self.world.begin({"dir": str(self.folder / "told"), "fails": None, "sleeps": None, **given})
        environment = {
            "FLOWC_PLAN": str(self.folder / "plan.json"),
            "FLOWC_STORE": f"file://{self.folder}/state",
            "FLOWC_POD_NAME": "me",
            "FLOWC_POD_UID": "u-1",
        }
        led = Places(
            lambda: KubeApi(self.cluster.url, "ns", self.folder / "token"),
            self.store, "run-1", "solver", self.arguments, environment,
        )  # fmt: skip
        self.world.run("solve", shim=self.world.shim(places=led))
        record = self.world.shim().journal.record((), "solve")
        assert record is not None
        error = record.error.code if record.error else None
        return {"outcome": record.outcome.value, "value": record.value, "error": error}

    def told(self) -> list[str]:
        """Return which place began in which attempt."""
        return sorted(path.name for path in (self.folder / "told").iterdir())


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    monkeypatch.setattr(places, "LOOK_SECONDS", 0.2)
    plan = {"name": "FLOWC_PLAN", "value": str(tmp_path / "plan.json")}
    container = {"name": "main", "image": "units:1", "command": ["flowc-shim"], "env": [plan]}
    template = {
        "metadata": {"labels": {"app.kubernetes.io/name": "shop"}},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    with job_set_cluster({"solver": template}) as cluster:
        yield Setup(tmp_path, cluster, "45s")


def test_the_first_place_gives_the_output(setup: Setup, capsys: pytest.CaptureFixture[str]) -> None:
    hosts = "127.0.0.1,127.0.0.2,127.0.0.3"
    assert setup.lead() == {
        "outcome": "succeeded",
        "value": {"hosts": hosts, "$": "$(PATH)"},
        "error": None,
    }
    assert setup.told() == ["0-1", "1-1", "2-1"]
    assert sorted(capsys.readouterr().err.splitlines()) == [f"[{n}] counted" for n in range(3)]
    assert setup.cluster.there == {}
    [made] = setup.cluster.made
    assert made["metadata"]["ownerReferences"] == [OWNER]
    assert made["metadata"]["labels"] == {"app.kubernetes.io/name": "shop"}
    name = made["metadata"]["name"]
    assert name.startswith("solver-") and len(f"{name}-places-0-9999-abcde") <= 63


def test_a_place_that_fails_fails_the_call(setup: Setup) -> None:
    found = setup.lead(fails=2)
    assert (found["outcome"], found["error"]) == ("failed", "EXIT_3")
    assert setup.cluster.there == {}


def test_a_place_that_dies_is_tried_again(setup: Setup) -> None:
    deaths = [1]

    def kill(processes: list[subprocess.Popen[bytes]]) -> None:
        if deaths:
            processes[deaths.pop()].kill()

    setup.cluster.starts = kill
    found = setup.lead()
    assert found["outcome"] == "succeeded"
    assert [made["metadata"]["name"] for made in setup.cluster.made] == [
        setup.cluster.made[0]["metadata"]["name"]
    ] * 2
    attempts = setup.world.shim().journal.attempts((), "solve")
    assert [row.error.code if row.error else None for row in attempts] == ["PLACE_LOST", None]


def test_an_api_that_is_away_loses_nothing(setup: Setup) -> None:
    def leave(_: Any) -> None:
        setup.cluster.away = 3

    setup.cluster.starts = leave
    assert setup.lead()["outcome"] == "succeeded"
    assert setup.cluster.away < 3


def test_what_a_killed_process_left_goes_first(setup: Setup) -> None:
    name = places.job_set_name("solver", f"{setup.world.shim().run_uuid}/solve")
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"],
                            start_new_session=True)  # fmt: skip
    setup.cluster.there[name] = [left]
    assert setup.lead()["outcome"] == "succeeded"
    assert left.returncode is not None
    assert setup.cluster.made[0]["metadata"]["name"] == name


def test_a_timeout_ends_all_places(setup: Setup) -> None:
    quick = Setup(setup.folder, setup.cluster, "3s")
    found = quick.lead(sleeps=True)
    assert (found["outcome"], found["error"]) == ("timed_out", "TIMEOUT")
    assert quick.cluster.there == {}


def test_places_that_nobody_leads_end_with_the_run(setup: Setup) -> None:
    """A Workflow that was terminated: its sweeper writes the run's end."""
    setup.world.begin({"dir": str(setup.folder / "told"), "fails": None, "sleeps": True})
    environment = {
        "FLOWC_PLAN": str(setup.folder / "plan.json"),
        "FLOWC_STORE": f"file://{setup.folder}/state",
        "FLOWC_GANG": "g",
        "FLOWC_GANG_SIZE": "3",
        "JOB_COMPLETION_INDEX": "1",
        "FLOWC_HOST": "127.0.0.2",
    }
    place = subprocess.Popen(
        [sys.executable, "-m", "flowc_shim", *setup.arguments], env=environment
    )
    try:
        host = f"{keys.run_prefix('run-1')}/gangs/g/host/1"
        wait_for(lambda: setup.store.read(host) is not None)
        assert place.poll() is None
        setup.store.create(keys.end_key("run-1"), b"{}")
        assert place.wait(20) == 0
    finally:
        place.kill()


def wait_for(condition: Any) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_template_that_is_not_there(setup: Setup) -> None:
    setup.cluster.templates.clear()
    found = setup.lead()
    assert (found["outcome"], found["error"]) == ("failed", "ENGINE_UNAVAILABLE")
