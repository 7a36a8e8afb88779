"""A program for several places: all tell the first one what they were given, in a shared folder.

``fails``: in the last place the program fails that many attempts long. ``waits``: so many attempts
long the first one does not end.
"""

import json
import os
import sys
import time
from pathlib import Path

hosts = os.environ["FLOWC_HOSTS"].split(",")
rank = int(os.environ["FLOWC_LOCATION"])
given = json.loads(Path(os.environ["FLOWC_INPUT"]).read_text(encoding="utf-8"))
call = f"{given['text']}-{os.environ['FLOWC_STEP']}-{os.environ['FLOWC_ATTEMPT']}"
folder = Path(given["dir"]) / call
folder.mkdir(exist_ok=True)
if rank:
    if rank + 1 == len(hosts) and int(os.environ["FLOWC_ATTEMPT"]) <= given.get("fails", 0):
        sys.exit(4)
    part = folder / f"{rank}.part"
    part.write_text(json.dumps([rank, given["text"]]), encoding="utf-8")
    part.rename(folder / f"{rank}.told")
    time.sleep(300)  # the first one ends the others
told = []
while len(told) < len(hosts) - 1:
    time.sleep(0.01)
    told = sorted(json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.told"))
if int(os.environ["FLOWC_ATTEMPT"]) <= given.get("waits", 0):
    time.sleep(300)
output = {"places": len(hosts), "told": told}
Path(os.environ["FLOWC_OUTPUT"]).write_text(json.dumps(output), encoding="utf-8")
