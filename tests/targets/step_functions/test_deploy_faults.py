"""Deployments that are refused, lose answers, or are killed at any of their calls.

All calls: ``make faults-aws`` (``PART=2/4``: a quarter). Otherwise some are drawn; the
seed is printed and may be given in ``FLOWC_SEED``.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from tests.gates.test_cloudformation import trigger
from tests.targets.step_functions.clouds import Aws, Session, deploy, plan, provider
from tests.targets.step_functions.deploy_process import READS
from tests.targets.step_functions.flows import STACK, compiled

from flowc.deploy.changes import outstanding
from flowc.deploy.provider import DeployError
from flowc_targets.step_functions.deploy.cloud import CONFLICTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc.target import Compilation

ALL = os.environ.get("FLOWC_ALL_FAULTS") == "1"
DRAWN = 4
OURS = STACK + "unit_image: 'units:1'\nregion: us-east-1\n"
FLOW = """
steps:
  - {id: a, component: /t/echo, input: {$input: n}, retry: {platform: {max: MAX, delay: 1s}}}
  - {id: b, component: /t/echo, input: {$step: a}, resources: PROFILE}
output: {$step: b}
"""


def text(release: int) -> str:
    """A flow whose second release changes the machine, a job definition and the plan."""
    return FLOW.replace("MAX", str(release)).replace("PROFILE", ["large", "gpu"][release - 1])


def flow(release: int = 1) -> Compilation:
    return compiled(text(release), OURS, triggers=(trigger("0 2 * * *", None, {"n": 1}),))


@pytest.fixture(scope="module")
def cloud() -> Iterator[Aws]:
    with Aws() as made:
        yield made


@pytest.fixture
def aws(cloud: Aws) -> Iterator[Aws]:
    yield cloud
    cloud.empty()


def drawn(points: list[Any]) -> list[Any]:
    if ALL:
        part, parts = map(int, os.environ.get("FLOWC_PART", "1/1").split("/"))
        return points[part - 1 :: parts]
    seed = os.environ.get("FLOWC_SEED") or str(random.randrange(10**6))
    print(f"FLOWC_SEED={seed}")
    return random.Random(seed).sample(points, min(DRAWN, len(points)))


class Faulty(Session):
    """A session whose ``number``-th call of an operation does not go well."""

    def __init__(self, endpoint: str, fault: Callable[[str, int], None]) -> None:
        super().__init__(endpoint)
        self._fault = fault
        self._seen: Counter[str] = Counter()

    def client(self, service: Any, **options: Any) -> Any:
        made = super().client(service, **options)

        def before(model: Any, **_: Any) -> None:
            name = f"{service}.{model.name}"
            self._seen[name] += 1
            self._fault(name, self._seen[name])

        made.meta.events.register("before-call", before)
        return made


def state(aws: Aws, compilation: Compilation) -> str:
    """Everything that is there, as text, but for the plan of the first release.

    Plans stay; whether that one was written depends on where the first deployment ended.
    """
    there = provider(aws.engine.endpoint, compilation)
    from flowc_targets.step_functions.deploy.deployer import AwsDeployer

    found = there.observe(AwsDeployer().desired(compilation))
    seen = sorted((str(one.ref), json.dumps(one.body, sort_keys=True)) for one in found)
    first = f"plans/{flow(1).plan.digest}"
    objects = sorted(key for key in aws.objects() if not key.endswith(first))
    return json.dumps([seen, objects], indent=1)


def operations(aws: Aws, *, undeployed: bool = False) -> list[str]:
    """The operations that two deployments call, each once; ``undeployed``: and taking down."""
    seen: list[str] = []
    session = Faulty(aws.engine.endpoint, lambda name, _: seen.append(name))
    there = provider(aws.engine.endpoint, flow(), session)
    for release in (1, 2):
        deploy(there, flow(release))
    if undeployed:
        deploy(there, None)
    aws.empty()
    return list(dict.fromkeys(seen))


def test_a_refused_call_says_what_to_get_and_a_second_try_ends_the_same(aws: Aws) -> None:
    wanted = None
    names = [name for name in operations(aws) if name != "sts.GetCallerIdentity"]
    for refused in drawn(names):
        fault = Denial(refused)
        there = provider(aws.engine.endpoint, flow(), Faulty(aws.engine.endpoint, fault))
        action = refused.partition(".")[2]
        with pytest.raises(DeployError) as raised:
            deploy(there, flow(1))
            deploy(there, flow(2))
        assert action.lower() in str(raised.value).replace("`", "").lower(), refused
        assert "permission" in raised.value.fix
        fault.armed = False
        deploy(there, flow(2))
        assert outstanding(plan(there, flow(2))) == (), refused
        wanted = wanted or state(aws, flow(2))
        assert state(aws, flow(2)) == wanted, refused
        aws.empty()


class Denial:
    """One operation is refused: as long as it is armed, or so many times."""

    def __init__(self, operation: str, code: str = "AccessDenied", times: int = 10**6) -> None:
        self.armed = True
        self.left = times
        self._operation = operation
        self._code = code

    def __call__(self, name: str, _number: int) -> None:
        if self.armed and self.left and name == self._operation:
            self.left -= 1
            error: Any = {"Error": {"Code": self._code, "Message": "no"}}
            raise ClientError(error, name.partition(".")[2])


def conflicts(operation: str) -> list[str]:
    """The codes by which AWS says of an operation that somebody changes the same thing, by its own
    model; to them those that S3 gives and models not."""
    service, _, name = operation.partition(".")
    if service == "s3":
        return ["OperationAborted", "ConditionalRequestConflict"] if name == "PutObject" else []
    model = SERVICES.get_service_model(service).operation_model(name)
    codes = {  # DeleteConflict says that something hangs on it, and does not pass
        str(shape.metadata.get("error", {}).get("code", shape.name))
        for shape in model.error_shapes
        if any(word in shape.name for word in CONFLICTING) and "Delete" not in shape.name
    }
    return sorted(codes)


SERVICES = botocore.session.get_session()
CONFLICTING = (
    "Conflict", "ConcurrentModification", "OperationAborted", "TemporarilyUnmodifiable",
    "OptimisticLock", "InProgress",
)  # fmt: skip


def test_a_conflict_at_any_call_is_waited_out(aws: Aws) -> None:
    """One, at every call and with every code that AWS gives it, "it exists" or not."""
    names = operations(aws, undeployed=True)
    points = [(name, code) for name in names for code in conflicts(name)]
    assert {code for _, code in points} & CONFLICTS, "some are waited out"
    wanted = None
    for name, code in drawn(points):
        fault = Denial(name, code, times=1)
        there = provider(aws.engine.endpoint, flow(), Faulty(aws.engine.endpoint, fault))
        deploy(there, flow(1))
        deploy(there, flow(2))
        assert outstanding(plan(there, flow(2))) == (), (name, code)
        wanted = wanted or state(aws, flow(2))
        assert state(aws, flow(2)) == wanted, (name, code)
        deploy(there, None)
        assert plan(there, None) == (), (name, code)
        assert fault.left == 0, (name, code)
        aws.empty()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("iam.CreateRole", "ConcurrentModification"),
        ("scheduler.CreateSchedule", "ConflictException"),
        ("lambda.CreateAlias", "ResourceConflictException"),
    ],
)
def test_a_conflict_that_does_not_pass_is_said(aws: Aws, name: str, code: str) -> None:
    fault = Denial(name, code)
    there = provider(aws.engine.endpoint, flow(), Faulty(aws.engine.endpoint, fault))
    with pytest.raises(DeployError, match=code) as raised:
        deploy(there, flow(1))
    assert raised.value.fix == "somebody changes it at the same time; deploy again"


def test_lost_answers_end_the_same(aws: Aws) -> None:
    wanted = None
    writes = [name for name in operations(aws) if not name.partition(".")[2].startswith(READS)]
    for lost in drawn(writes):

        class Losing(Session):
            """The operation is done, and its answer never comes: the first time, that is."""

            armed = True

            def client(self, service: Any, lost: str = lost, **options: Any) -> Any:
                made = super().client(service, **options)

                def after(model: Any, **_: Any) -> None:
                    if Losing.armed and f"{service}.{model.name}" == lost:
                        Losing.armed = False
                        raise ReadTimeoutError(endpoint_url="https://aws")

                made.meta.events.register("after-call", after)
                return made

        there = provider(aws.engine.endpoint, flow(), Losing(aws.engine.endpoint))
        with pytest.raises(DeployError, match="does not answer"):
            deploy(there, flow(1))
            deploy(there, flow(2))
        deploy(there, flow(2))
        assert outstanding(plan(there, flow(2))) == (), lost
        wanted = wanted or state(aws, flow(2))
        assert state(aws, flow(2)) == wanted, lost
        aws.empty()


class Processes:
    """Deployments of their own processes."""

    def __init__(self, endpoint: str) -> None:
        root = Path(__file__).parents[3]
        words = [sys.executable, "-m", "tests.targets.step_functions.deploy_process", endpoint]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self._process = subprocess.Popen(
            words, cwd=root, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def deploy(self, release: int, kill: str = "", undeploy: bool = False) -> dict[str, Any]:
        request = {"kill": kill, "flow": text(release), "stack": OURS, "undeploy": undeploy}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate()


STAGES = ("first", "second", "undeploy")


def test_killed_at_a_call_and_done_again_it_ends_the_same(aws: Aws) -> None:
    processes = Processes(aws.engine.endpoint)
    kept = compiled(text(2), OURS)

    def stage(name: str, kill: str = "") -> dict[str, Any]:
        return processes.deploy(1 if name == "first" else 2, kill, name == "undeploy")

    def all_stages(until: str) -> None:
        for name in STAGES[: STAGES.index(until) + 1]:
            assert stage(name)["status"] == 0

    try:
        ends, points = {}, []
        for name in STAGES:
            done = stage(name)
            assert done["status"] == 0
            ends[name] = state(aws, kept)
            # what is there before a call is what the call before it left
            points += [(name, "1-before")]
            points += [(name, f"{n}-after") for n in range(1, len(done["calls"]) + 1)]
        aws.empty()
        for name, kill in drawn(points):
            if name != "first":
                all_stages(STAGES[STAGES.index(name) - 1])
            assert stage(name, kill)["status"] == 9, (name, kill)
            assert stage(name)["status"] == 0
            assert state(aws, kept) == ends[name], (name, kill)
            aws.empty()
    finally:
        processes.close()
