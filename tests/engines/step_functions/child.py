"""What the harness's own tests run as a function or a job: does what its input says."""

import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> int:
    event = json.loads(os.environ.get("EVENT") or sys.stdin.read())
    attempt = 0
    if "counter" in event:  # counts its attempts in a file, a byte each
        with Path(event["counter"]).open("a") as handle:
            handle.write(".")
        attempt = Path(event["counter"]).stat().st_size
    print("a line of log")
    print("to stderr", file=sys.stderr)
    time.sleep(event.get("sleep", 0))
    if attempt and attempt > event.get("failures", 0):
        print(json.dumps({"attempt": attempt}))
        return 0
    if "error" in event:
        print(json.dumps({"errorType": event["error"], "errorMessage": "as told"}))
        return 70
    if event.get("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    if "garbage" in event:
        print("garbage")
    elif "environment" in event:
        print(json.dumps({key: os.environ.get(key) for key in event["environment"]}))
    elif not event.get("silent"):
        print(json.dumps(event))
    return int(event.get("exit", 0))


sys.exit(main())
