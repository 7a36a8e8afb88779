"""The programs of the word count: what to do is the first argument, the rest is in files."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def save(given: Any) -> Any:
    """Write the text to a file, which is stored when the program has ended."""
    Path(os.environ["FLOWC_FILES_OUT"], "text.txt").write_text(given["text"], encoding="utf-8")
    return {"file": {"$artifact": "text.txt"}}


def count(given: Any) -> Any:
    """Count the words of a file, which was brought before the program began."""
    return len(Path(given["file"]["path"]).read_text(encoding="utf-8").split())


def total(given: Any) -> Any:
    """Add up the counts."""
    return {"total": sum(given["counts"])}


if __name__ == "__main__":
    work = {"save": save, "count": count, "sum": total}[sys.argv[1]]
    found = work(json.loads(Path(os.environ["FLOWC_INPUT"]).read_text(encoding="utf-8")))
    Path(os.environ["FLOWC_OUTPUT"]).write_text(json.dumps(found), encoding="utf-8")
