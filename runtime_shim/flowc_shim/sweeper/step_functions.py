"""Asks Step Functions about executions, and sweeps as a Lambda function.

EventBridge invokes it when an execution ends badly, at least once and sometimes late, and a rule
does so every hour. An abort, ``States.Runtime`` and a full history are caught by nothing in a state
machine, so that such a run has no end record.
https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flowc_shim.engines.api import EngineEnd, EngineUnavailable
from flowc_shim.runner.session import DEPLOYMENT, open_store_of
from flowc_shim.sweeper.sweep import RETENTION, RETENTION_SECONDS, sweep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.json_types import Json


class StepFunctions:
    """Implements :class:`flowc_shim.engines.api.Engine` for executions; ``client`` is boto3's."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def end_of(self, run: str, header: Mapping[str, Json]) -> EngineEnd | None:
        """Return how the execution of ``run`` (``<ARN>@<start>``) ended, None while it goes on."""
        from botocore.exceptions import BotoCoreError, ClientError

        execution = run.partition("@")[0]
        try:
            found = self._client.describe_execution(executionArn=execution)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return EngineEnd("terminated", "its execution is gone")
            raise EngineUnavailable(f"Step Functions answers: {error}") from error
        except BotoCoreError as error:
            raise EngineUnavailable(f"Step Functions does not answer: {error}") from error
        if found["status"] == "RUNNING":
            return None
        words = [str(found[key]) for key in ("error", "cause") if found.get(key)]
        return EngineEnd(found["status"].lower(), ": ".join(words))


def handle(_event: dict[str, Any], _context: Any = None) -> dict[str, Any]:
    """Sweep the deployment of this function; raises if something has to be tried again."""
    import boto3

    store = open_store_of(os.environ)
    try:
        engine = StepFunctions(boto3.client("stepfunctions"))
        kept = float(os.environ.get(RETENTION_SECONDS) or RETENTION)
        found = sweep(store, os.environ[DEPLOYMENT], engine, os.environ, retention=kept)
    finally:
        store.close()
    if found.failed:
        raise EngineUnavailable(f"not all runs could be swept: {found.failed}")
    return dict(found.to_json())
