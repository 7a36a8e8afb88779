"""A flow deployed to moto as its files say, and executed: a process per invocation and job."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conformance.engines import observe
from tests.conformance.model import HERE as CONFORMANCE
from tests.engines.step_functions.engine import ExecutionResult, StepFunctionsEngine
from tests.targets.step_functions.flows import STACK, compiled

from flowc_shim.stores.open import open_store
from flowc_targets.step_functions import TARGET
from flowc_targets.step_functions.compute import Compute
from flowc_targets.step_functions.deploy.cloudformation import content_of
from flowc_targets.step_functions.deploy.objects import OBJECT, objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conformance.model import Observed

    from flowc_shim.contract.plan import Plan

FUNCTION = Path(__file__).with_name("function.py")
BUCKET = "bucket"


@dataclass(frozen=True)
class Run:
    """How an execution ended, for the engine and in the store."""

    result: ExecutionResult
    observed: Observed | None

    @property
    def jobs(self) -> list[str]:
        """The units that Batch jobs were started for, in order."""
        found = []
        for process in self.result.processes:
            if process.kind == "batch":
                argv = process.argv
                found.append(argv[argv.index("--unit") + 1])
        return found


class Account:
    """An AWS account with moto's S3, functions and jobs whose environment deployments set."""

    def __init__(self) -> None:
        self.engine = StepFunctionsEngine(self._function, job_command=self._job)
        self._environment: dict[str, str] = {}
        self._broken: dict[str, list[str]] = {}

    def __enter__(self) -> Account:
        self.engine.__enter__()
        self.engine.client("s3").create_bucket(Bucket=BUCKET)
        return self

    def __exit__(self, *exception: object) -> None:
        self.engine.__exit__(*exception)

    def _function(self, name: str, event: Any) -> tuple[list[str], dict[str, str]]:
        return self._command("lambda", event.get("unit") or event["op"]) or [
            sys.executable, str(FUNCTION)
        ], self._environment  # fmt: skip

    def _job(self, name: str, body: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
        command = list(body["containerOverrides"]["command"])
        assert command[0] == "flowc-shim"
        assert "" not in command, "Batch refuses an empty argument"
        assert len(json.dumps(body["containerOverrides"])) < 8192
        unit = command[command.index("--unit") + 1]
        broken = self._command("batch", unit)
        if broken:
            return [*broken, *command[1:]], self._environment
        return [sys.executable, "-m", "flowc_shim", *command[1:]], self._environment

    def _command(self, kind: str, what: str) -> list[str] | None:
        """Return what is run instead, while there is something left."""
        left = self._broken.get(f"{kind} {what}") or self._broken.get(f"{kind} *")
        return [sys.executable, "-c", left.pop(0)] if left else None

    def run(
        self,
        flow: str,
        stack: str = STACK,
        /,
        *,
        input: Any = None,
        broken: Mapping[str, list[str]] | None = None,
        environ: Mapping[str, str] | None = None,
        execution_input: Any = ...,
        **options: Any,
    ) -> Run:
        """Deploy and run a flow. ``broken``: ``lambda UNIT`` or ``batch UNIT`` → programs that are
        run instead, one per invocation, before the real one is."""
        compilation = compiled(flow, stack, **options)
        files = TARGET.emit(compilation)
        for one in objects(compilation):
            if one.ref.kind == OBJECT:
                key = one.ref.name.removeprefix(f"s3://{BUCKET}/")
                self._put(key, json.loads(content_of(one.body)))
        self._broken = {key: list(programs) for key, programs in (broken or {}).items()}
        self._environment = {
            **Compute.of(compilation).environment,
            "PYTHONPATH": str(CONFORMANCE / "python"),
            **(environ or {}),
        }
        self.engine.processes.all.clear()
        machine = json.loads(files["state-machine.asl.json"])
        given = {"input": input} if execution_input is ... else execution_input
        result = self.engine.run(machine, given, timeout=120)
        return Run(result, self._observe(compilation.plan, result))

    def _put(self, key: str, value: Any) -> None:
        self.engine.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(value).encode())

    def _observe(self, plan: Plan, result: ExecutionResult) -> Observed | None:
        runs = {
            process.request["run"] + "@" + process.request["started"]
            for process in result.processes
            if process.kind == "lambda"
        }
        assert len(runs) <= 1, "children of one run call it the same"
        env = self.engine.child_environment()
        store = open_store(
            f"s3://{BUCKET}/state",
            {
                "endpoint": env["AWS_ENDPOINT_URL"],
                "region": env["AWS_REGION"],
                "access_key_id": "testing",
                "secret_access_key": "testing",
            },
        )
        try:
            return observe(plan, store, runs.pop()) if runs else None
        except AssertionError:  # no end record
            return None
        finally:
            store.close()
