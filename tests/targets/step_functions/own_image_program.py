"""A program that stands for the image of a `container` class: it does what its input asks for.

Whoever tests reads in $SEEN which calls there were: a file per call, with its process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

call = json.loads(Path(os.environ["FLOWC_CALL"]).read_text())
given = json.loads(Path(os.environ["FLOWC_INPUT"]).read_text())
own = Path(os.environ["SEEN"], f"{os.environ['FLOWC_STEP']}.{call['attempt']}.{os.getpid()}")
own.write_text(json.dumps(call))
answer = {"n": given.get("n"), "step": call["step"], "key": call["idempotency_key"]}
match given.get("do"):
    case "write":
        Path(os.environ["FLOWC_FILES_OUT"], "text.txt").write_text("of a program")
        answer["file"] = {"$artifact": "text.txt"}
    case "read":
        answer["text"] = Path(given["file"]["path"]).read_text()
    case "exit":
        sys.exit(given["code"])
    case "fail twice" if call["attempt"] < 3:
        sys.exit(7)
    case "be killed":
        os.kill(os.getpid(), signal.SIGKILL)
    case "sleep once" if call["attempt"] == 1:
        time.sleep(60)
    case "sleep":
        time.sleep(60)
    case "environment":
        answer["environment"] = sorted(os.environ)
Path(os.environ["FLOWC_OUTPUT"]).write_text(json.dumps(answer))
