"""The program in the image of the conformance stack: it does what its input says."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def main(given: dict[str, Any]) -> Any:
    if "gate" in given:
        Path(given["dir"], f"{given['gate']}.came").touch()
        while not Path(given["dir"], f"{given['gate']}.open").exists():
            time.sleep(0.05)
        return f"{given['gate']} done"
    if "fails" in given:
        ran = Path(given["dir"], "ran")
        with ran.open("a") as file:
            file.write("x")
        if ran.stat().st_size > given["fails"]:
            return ran.stat().st_size
    if "write" in given:
        path = Path(os.environ["FLOWC_FILES_OUT"], "deep", "a b.txt")
        path.parent.mkdir()
        path.write_text(given["write"], encoding="utf-8")
        return {"file": {"$artifact": "deep/a b.txt"}}
    if "read" in given:
        return Path(given["read"]["path"]).read_text(encoding="utf-8")
    sys.exit(int(given["code"]))


answer = main(json.loads(Path(os.environ["FLOWC_INPUT"]).read_text(encoding="utf-8")))
Path(os.environ["FLOWC_OUTPUT"]).write_text(json.dumps(answer), encoding="utf-8")
