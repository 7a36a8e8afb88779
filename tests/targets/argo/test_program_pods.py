"""Programs in pods of their own: emitted manifests, the shim as the program in every unit's pod,
and a kubelet's stand-in that runs the pods which it makes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.servers.kubelet import Kubelet, running
from tests.targets.argo.flows import emitted, template_of

from flowc_shim.__main__ import main
from flowc_shim.components.api import Call
from flowc_shim.contract.errors import ErrorClass, FlowError
from flowc_shim.engines import pods as engine_pods
from flowc_shim.engines.kube_api import KubeApi
from flowc_shim.runner import program_pods
from flowc_shim.runner.journal import Journal
from flowc_shim.stores.open import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flowc_shim.runner.records import StepRecord

PROGRAMS = {
    # what it reads and writes: its input, its environment, files in and out
    "/show": """
        import json, os
        given = json.load(open(os.environ["FLOWC_INPUT"]))
        files = [open(one["path"]).read() for one in given.get("files", [])]
        open(os.path.join(os.environ["FLOWC_FILES_OUT"], "new.txt"), "w").write("n" * 3)
        shown = {k: v for k, v in os.environ.items() if "/" not in v and k != "LC_CTYPE"}
        out = {"files": files, "env": shown, "words": os.sys.argv[1:]}
        out["new"] = {"$artifact": "new.txt"}
        json.dump(out, open(os.environ["FLOWC_OUTPUT"], "w"))
    """,
    "/read": """
        import json, os
        text = open(json.load(open(os.environ["FLOWC_INPUT"]))["path"]).read()
        json.dump(text, open(os.environ["FLOWC_OUTPUT"], "w"))
    """,
    # writes down that it ran, then does what its input says
    "/do": """
        import json, os, sys, time
        given = json.load(open(os.environ["FLOWC_INPUT"]))
        with open(given["dir"] + "/ran", "a") as file:
            file.write(os.environ["FLOWC_ATTEMPT"] + "\\n")
        print("working", flush=True)
        until = given.get("until", 0)
        go = given["dir"] + "/go"
        while int(os.environ["FLOWC_ATTEMPT"]) <= until and not os.path.exists(go):
            time.sleep(0.02)
        print("last words", file=sys.stderr, flush=True)
        codes = given.get("codes", [])
        ran = len(open(given["dir"] + "/ran").readlines())
        if ran <= len(codes) and codes[ran - 1]:
            sys.exit(codes[ran - 1])
        if "link" in given:
            os.rmdir(os.environ["FLOWC_FILES_OUT"])
            os.symlink(given["dir"], os.environ["FLOWC_FILES_OUT"])
            given["value"] = {"$artifact": given["link"]}
        json.dump(given.get("value"), open(os.environ["FLOWC_OUTPUT"], "w"))
    """,
}


def stack(**components: Any) -> str:
    """A stack whose programs are those of this file; ``components``: more keys of them."""
    programs = {
        name: {
            "image": f"img{name}:1",
            "command": [sys.executable, "-c", textwrap.dedent(text)],
            **components.get(name.strip("/"), {}),
        }
        for name, text in PROGRAMS.items()
    }
    document = {
        "namespace": "ns",
        "state_store": "s3://bucket/state",
        "plugins": {
            "builtin": {"type": "builtin"},
            "programs": {"type": "container", "components": programs},
        },
        "routes": {
            "/p/{component}": [{"plugin": "programs"}],
            "/{component}": [{"plugin": "builtin"}],
        },
    }
    return yaml.safe_dump(document)


class World:
    """One run of one flow: a pod of a unit is a call of ``flowc-shim``'s own entry point."""

    def __init__(self, folder: Path, flow: str, stack_text: str, given: Any) -> None:
        files = emitted(flow, stack_text)
        self.folder = folder
        self.spec = template_of(files)["spec"]
        plan = folder / "plan.json"
        plan.write_text(yaml.safe_load(files["plan.yaml"])["data"]["plan.json"])
        self.kubelet = Kubelet(folder / "pods", plan)
        for one in yaml.safe_load_all(files["pods.yaml"]):
            self.kubelet.templates[one["metadata"]["name"]] = one
        self.given = given
        self.store = open_store(f"file://{folder}/store")
        self.url = ""

    def container(self, unit: str) -> dict[str, Any]:
        """The container of the unit's pod."""
        tasks = {
            task["arguments"]["parameters"][0]["value"]: task["template"]
            for template in self.spec["templates"]
            for task in template.get("dag", {}).get("tasks", ())
            if "arguments" in task and task["arguments"]["parameters"][0]["name"] == "unit"
        }
        leaves = {template["name"]: template for template in self.spec["templates"]}
        found: dict[str, Any] = leaves[tasks[unit]]["container"]
        return found

    def environment(self, unit: str) -> dict[str, str]:
        """The environment of the unit's pod, as its template says."""
        told = {
            "FLOWC_PLAN": str(self.kubelet.plan),
            "FLOWC_STORE": f"file://{self.folder}/store",
            "FLOWC_RUN_NAME": "orders-x",
            "FLOWC_RUN_INPUT": json.dumps(self.given),
            "FLOWC_POD_NAME": "unit-pod",
            "FLOWC_POD_UID": "unit-uid",
            "FLOWC_ARTIFACTS": f"file://{self.folder}/files",
        }
        found = {"FLOWC_RUN_INPUT": told["FLOWC_RUN_INPUT"]}
        for one in self.container(unit)["env"]:
            name = one["name"]
            if "secretKeyRef" in one.get("valueFrom", {}):
                found[name] = self.kubelet.secrets[one["valueFrom"]["secretKeyRef"]["name"]]
            elif "{{" not in one.get("value", "{{") or name in told:
                found[name] = told.get(name, one.get("value", ""))
        return {name: value for name, value in found.items() if value}

    def words(self, unit: str, scope: str = "") -> list[str]:
        filled = {
            "{{workflow.uid}}": "run-1",
            "{{inputs.parameters.unit}}": unit,
            "{{inputs.parameters.scope}}": scope,
        }
        words = []
        for word in self.container(unit)["args"]:
            for name, value in filled.items():
                word = word.replace(name, value)
            words.append(word)
        return [word for word in words if "{{" not in word]

    def record(self, step: str, *indices: int) -> StepRecord:
        found = Journal(self.store, "run-1").record(indices, step)
        assert found is not None
        return found

    def value(self, step: str, *indices: int) -> Any:
        journal = Journal(self.store, "run-1")
        found = journal.record(indices, step)
        assert found is not None and found.error is None, found
        return journal.value(found)

    def errors(self, step: str) -> list[str | None]:
        """The codes of the attempts that failed."""
        rows = Journal(self.store, "run-1").attempts((), step)
        return [row.error.code if row.error else None for row in rows]

    def ran(self) -> list[str]:
        """Which attempts the program itself counted."""
        path = self.folder / "ran"
        return path.read_text().split() if path.exists() else []


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    token = tmp_path / "token"
    token.write_text("t")
    monkeypatch.setattr(program_pods, "FIRST_PAUSE", 0.05)
    opened = []

    def make(flow: str, given: Any = None, stack_text: str | None = None) -> World:
        made = World(tmp_path, flow, stack_text or stack(), given)
        serving = running(made.kubelet)
        made.url = serving.__enter__()
        opened.append((serving, made))
        monkeypatch.setattr(engine_pods, "inside", lambda: KubeApi(made.url, "ns", token))
        return made

    yield make
    for serving, made in opened:
        serving.__exit__(None, None, None)
        made.store.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def run_unit(world: World, unit: str, scope: str = "") -> int:
        with monkeypatch.context() as patch:
            for name, value in world.environment(unit).items():
                patch.setenv(name, value)
            return main(world.words(unit, scope))

    return run_unit


def do(retry: str = "", **given: Any) -> str:
    """A flow of one step `a` that calls `/p/do`."""
    more = "".join(f", {key}: {json.dumps(value)}" for key, value in given.items())
    policy = f", {retry}" if retry else ""
    step = f"{{id: a, component: /p/do{policy}, input: {{dir: {{$input: dir}}{more}}}}}"
    return f"steps:\n- {step}\noutput: {{$step: a}}\n"


def until(what: str, condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.02)
    return found


NO_RETRY = "retry: {user: {max: 0}, platform: {max: 0}}"
ONE_RETRY = "retry: {user: {max: 1, delay: 0s}, platform: {max: 1, delay: 0s}}"


def test_a_secret_that_a_program_shows_is_written_nowhere(world: Any, run: Any) -> None:
    flow = "steps:\n- {id: a, component: /p/show, input: {files: []}}\noutput: {$step: a}\n"
    made = world(flow, {}, stack(show={"env": {"KEY": {"secret": "api-key"}}}))
    made.kubelet.secrets["api-key"] = "hunter2-hunter2"
    assert run(made, "a") == 111
    assert made.record("a").error.code == "SECRET_IN_OUTPUT"
    kept = b"".join(made.store.read(key) for key in made.store.list("runs")).decode()
    assert "attempt" in kept and "hunter2" not in kept
    assert "hunter2" not in json.dumps(made.kubelet.made)


def test_what_a_program_gets_and_gives(world: Any, run: Any) -> None:
    flow = """
    steps:
    - {id: a, component: /p/show, input: {files: []}}
    - {id: b, component: /p/show, input: {files: [{$step: a, path: new}]}}
    - {id: c, component: /p/read, input: {$step: b, path: new}}
    output: {$step: c}
    """
    env = {"PRICE": "$(HOME) $5"}
    made = world(flow, {}, stack(show={"args": ["--to=$HOME", "$(X)"], "env": env}))
    assert [run(made, unit) for unit in "abc"] == [0, 0, 0]
    assert made.value("c") == "nnn"
    shown = made.value("b")
    assert shown["files"] == ["nnn"]
    assert shown["words"] == ["--to=$HOME", "$(X)"]
    assert shown["env"] == {"PRICE": "$(HOME) $5", "FLOWC_STEP": "b", "FLOWC_ATTEMPT": "1"}
    until("all pods are gone", lambda: not made.kubelet.pods)


def test_the_pod_is_what_was_deployed(world: Any, run: Any) -> None:
    made = world(do("timeout: 5m"), {"dir": "x"})
    made.given = {"dir": str(made.folder)}
    assert run(made, "a") == 0
    (pod,) = made.kubelet.made
    (template,) = made.kubelet.templates.values()
    spec = template["template"]["spec"]
    assert pod["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "unit-pod", "uid": "unit-uid"}
    ]
    assert pod["metadata"]["annotations"]["flowc.dev/step"] == "a"
    assert "workflows.argoproj.io/workflow" not in pod["metadata"].get("labels", {})
    assert pod["spec"]["activeDeadlineSeconds"] > 300
    program = {one["name"]: one for one in pod["spec"]["containers"]}["program"]
    own = {one["name"]: one for one in spec["containers"]}["program"]
    assert {**program, "env": 0} == {**own, "env": 0}
    assert spec["automountServiceAccountToken"] is False


def test_a_program_that_fails_is_tried_again_and_its_lines_are_the_steps_log(
    world: Any, run: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    made = world(do(ONE_RETRY, codes=[3], value=7), None)
    made.given = {"dir": str(made.folder)}
    assert run(made, "a") == 0
    assert (made.value("a"), made.ran(), made.errors("a")) == (7, ["1", "2"], ["EXIT_3", None])
    row = Journal(made.store, "run-1").attempts((), "a")[0]
    assert row.error.error_class is ErrorClass.USER
    assert row.error.data == {"stderr": ["working", "last words"]}
    assert capfd.readouterr().err.count("last words") == 2
    names = [pod["metadata"]["name"] for pod in made.kubelet.made]
    assert names[0].removesuffix("-1") == names[1].removesuffix("-2")


@pytest.mark.parametrize("oom", [False, True])
def test_killed_for_memory(world: Any, run: Any, oom: bool) -> None:
    made = world(do(NO_RETRY, codes=[1 if oom else 137]), None)
    made.given = {"dir": str(made.folder)}
    if oom:
        (template,) = made.kubelet.templates.values()
        template["template"]["metadata"]["labels"]["oom"] = "yes"
    assert run(made, "a") == 112
    error = made.record("a").error
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, "OOM")


@pytest.mark.parametrize("reason", ["InvalidImageName", "ImagePullBackOff", "ErrImagePull"])
def test_an_image_that_does_not_come(
    world: Any, run: Any, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_pods, "START_SECONDS", 0.3)
    made = world(do(NO_RETRY), {"dir": "x"})
    made.kubelet.waiting["img/do:1"] = reason
    assert run(made, "a") == 112
    error = made.record("a").error
    assert error.code == "CONTAINER_START"
    assert f"{reason}: says the registry" in error.message
    assert made.kubelet.deleted == [pod["metadata"]["name"] for pod in made.kubelet.made]


@pytest.mark.parametrize("how", ["delete", "evict"])
def test_a_pod_that_somebody_ends_is_the_platforms(world: Any, run: Any, how: str) -> None:
    made = world(do(ONE_RETRY, until=1, value=5), None)
    made.given = {"dir": str(made.folder)}

    def end(what: str, pod: Any) -> None:
        if what == "running" and len(made.kubelet.made) == 1:
            until("it runs", made.ran)
            getattr(made.kubelet, how)(pod["metadata"]["name"])

    made.kubelet.reaches = end
    assert run(made, "a") == 0
    assert (made.value("a"), made.errors("a")) == (5, ["POD_LOST", None])
    assert made.ran() == ["1", "2"]


def test_an_api_that_is_away_for_a_while_loses_nothing(world: Any, run: Any) -> None:
    made = world(do(NO_RETRY, until=1, value=5), None)
    made.given = {"dir": str(made.folder)}

    def away(what: str, _pod: Any) -> None:
        if what == "made":
            # of the request that makes it, too: the answer is lost, and the pod is there
            made.kubelet.faults[:] = [500, None, 503, None, 429]
        if what == "running":
            made.kubelet.faults[:] = [None, 500, None]
            until("it was asked", lambda: not made.kubelet.faults)
            (made.folder / "go").touch()

    made.kubelet.reaches = away
    assert run(made, "a") == 0
    assert (made.value("a"), made.ran(), len(made.kubelet.made)) == (5, ["1"], 1)


@pytest.mark.parametrize(
    ("code", "exit_code", "error"), [(403, 112, "CONTAINER_START"), (422, 111, "CONFIGURATION")]
)
def test_a_pod_that_the_api_refuses(
    world: Any, run: Any, code: int, exit_code: int, error: str
) -> None:
    made = world(do(NO_RETRY), {"dir": "x"})
    made.kubelet.faults[:] = [0, code]
    assert run(made, "a") == exit_code
    assert made.record("a").error.code == error
    assert "it says no" in made.record("a").error.message


def test_a_template_that_was_taken_down(world: Any, run: Any) -> None:
    made = world(do(NO_RETRY), {"dir": "x"})
    made.kubelet.templates.clear()
    assert run(made, "a") == 111
    assert "deploy the flow again" in made.record("a").error.message


def test_a_timeout_ends_the_pod(world: Any, run: Any) -> None:
    made = world(do(f"timeout: 3s, {NO_RETRY}, onError: {{action: useDefault}}", until=1), None)
    made.given = {"dir": str(made.folder)}
    assert run(made, "a") == 0
    assert made.record("a").error.error_class is ErrorClass.TIMEOUT
    until("the pod is gone", lambda: not made.kubelet.pods)


def test_a_link_in_the_place_of_a_folder_gives_nothing_away(world: Any, run: Any) -> None:
    made = world(do(NO_RETRY, link="ran"), None)
    others = made.folder / "of-somebody-else"
    others.mkdir()
    made.given = {"dir": str(others)}
    assert run(made, "a") == 111
    assert made.record("a").error.code == "INVALID_OUTPUT"
    assert (others / "ran").exists() and not list((made.folder / "files").rglob("ran"))


def test_items_of_a_loop_have_a_pod_each(world: Any, run: Any) -> None:
    flow = """
    steps:
    - id: each
      foreach: {items: [3, 4]}
      steps:
      - {id: a, component: /p/do, input: {dir: {$input: dir}, value: {$item: $}}}
      output: {$step: a}
    output: {$step: each}
    """
    made = world(flow, None)
    made.given = {"dir": str(made.folder)}
    codes = [run(made, "each:open"), run(made, "each/a", "0"), run(made, "each/a", "1")]
    assert [*codes, run(made, "each:close")] == [0, 0, 0, 0]
    assert made.value("each") == [3, 4]
    assert len({pod["metadata"]["name"] for pod in made.kubelet.made}) == 2


def test_a_cached_result_makes_no_pod(world: Any, run: Any) -> None:
    call = "component: /p/do, cache: {ttl: 1h}, input: {dir: {$input: dir}, value: 1}"
    flow = f"steps:\n- {{id: a, {call}}}\n- {{id: b, needs: [a], {call}}}\noutput: {{$step: b}}\n"
    made = world(flow, None)
    made.given = {"dir": str(made.folder)}
    assert [run(made, "a"), run(made, "b")] == [0, 0]
    assert (made.value("b"), made.ran()) == (1, ["1"])


DRIVER = """
import sys
from pathlib import Path
from flowc_shim.engines import pods
from flowc_shim.engines.kube_api import KubeApi
pods.inside = lambda: KubeApi(sys.argv[1], "ns", Path(sys.argv[2]))
from flowc_shim.__main__ import main
sys.exit(main(sys.argv[3:]))
"""


def process(made: World, unit: str) -> subprocess.Popen[bytes]:
    """Start the unit's pod as a process of its own."""
    words = [sys.executable, "-c", DRIVER, made.url, str(made.folder / "token"), *made.words(unit)]
    return subprocess.Popen(words, env={**os.environ, **made.environment(unit)})


def killed(made: World, unit: str) -> str:
    """Kill the unit's process while its program runs, and return the pod that it leaves."""
    shim = process(made, unit)
    until("the program runs", made.ran)
    shim.kill()
    shim.wait()
    (left,) = made.kubelet.pods
    return left


def test_what_a_killed_shim_left_is_deleted_before_another_pod_is_made(
    world: Any, run: Any
) -> None:
    made = world(do(ONE_RETRY, until=1, value=2), None)
    made.given = {"dir": str(made.folder)}
    left = killed(made, "a")
    order = []
    made.kubelet.reaches = lambda what, pod: order.append((what, pod["metadata"]["name"]))
    assert run(made, "a") == 0
    assert (made.value("a"), made.ran()) == (2, ["1", "2"])
    other = made.kubelet.made[1]["metadata"]["name"]
    assert order.index(("deleted", left)) < order.index(("made", other))


def test_sigterm_deletes_the_pod_and_decides_nothing(world: Any) -> None:
    made = world(do(ONE_RETRY, until=1), None)
    made.given = {"dir": str(made.folder)}
    shim = process(made, "a")
    until("the program runs", made.ran)
    shim.send_signal(signal.SIGTERM)
    assert shim.wait(timeout=30) == 128 + signal.SIGTERM
    until("the pod is gone", lambda: not made.kubelet.pods)
    assert Journal(made.store, "run-1").record((), "a") is None
    assert made.errors("a") == [None]


def test_collect_ends_when_nobody_leads(world: Any) -> None:
    """The shim is killed, and another one settles the step: nobody takes the output any more."""
    made = world(do(NO_RETRY, until=1), None)
    made.given = {"dir": str(made.folder)}
    _, collect, _ = made.kubelet.processes[killed(made, "a")]
    assert collect.poll() is None
    with pytest.MonkeyPatch.context() as patch:
        for key, value in made.environment("a").items():
            patch.setenv(key, value)
        words = made.words("a")
        assert main(["finish", *words[1:3], "--status=Failed"]) in (111, 112)
    assert collect.wait(timeout=30) == 0


def test_a_flow_given_as_data_has_no_place_for_a_pod() -> None:
    runtime: Any = None
    call = Call("/p/do", {}, 1, "run", "plan", "a", "key")
    with pytest.raises(FlowError) as refused:
        program_pods.run_pod(runtime, None, call, "template")
    assert refused.value.info.code == "CONFIGURATION"
