"""Starting a run as an execution of a state machine; a name that was taken is that execution."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.errors import FlowError, platform_error

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

ATTEMPTS = 3
"""What the client tries itself; after that the step's own budget counts."""


def start_execution(how: dict[str, Any], run: str, name: str, trigger: dict[str, Json]) -> None:
    """Start an execution of ``how["machine"]``; raises FlowError.

    The machine is where that of this run is, whose key begins with its execution's ARN.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    place = run.partition(":execution:")[0]
    client = boto3.client("stepfunctions", config=Config(retries={"total_max_attempts": ATTEMPTS}))
    given = json.dumps({"input": None, "trigger": trigger}, separators=(",", ":"))
    machine = f"{place}:stateMachine:{how['machine']}"
    try:
        client.start_execution(stateMachineArn=machine, name=name, input=given)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise _unavailable(error) from error
    except BotoCoreError as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> FlowError:
    return platform_error("ENGINE_UNAVAILABLE", f"Step Functions does not start it: {error}")
