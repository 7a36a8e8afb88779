"""An AWS in a process of its own: moto's services, functions and jobs as processes below it.

    python -m tests.targets.step_functions.aws_server

Prints one line of JSON, the environment with which a client (or the AWS command line) finds it, and
ends with its standard input. Each line of that is ``FUNCTION EVENT``: the function is invoked, as
EventBridge would, and its answer printed.
"""

from __future__ import annotations

import json
import sys

from tests.targets.step_functions.clouds import Aws


def main() -> None:
    with Aws() as aws:
        print(json.dumps(aws.engine.child_environment()), flush=True)
        for line in sys.stdin:
            function, _, event = line.partition(" ")
            aws.write_logs()
            answer = aws.invoke(function, json.loads(event)) if function.strip() else None
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
