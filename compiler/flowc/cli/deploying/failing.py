"""What went wrong outside, on the way out: a sentence, and what to do."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc.deploy.provider import Problem


def guarded(work: Callable[[], int], format: str) -> int:
    """Return the exit code of ``work``; 1 (said) for what the target or the store did not do."""
    from flowc.deploy.provider import DeployError

    try:
        return work()
    except DeployError as error:
        say_problem(str(error), error.fix, format)
        return 1


def say_problem(message: str, fix: str, format: str, word: str = "error") -> None:
    """Print one problem on stderr."""
    if format == "json":
        print(json.dumps({word: message, "help": fix}, ensure_ascii=False), file=sys.stderr)
        return
    print(f"{word}: {message}", file=sys.stderr)
    if fix:
        print(f"  = help: {fix}", file=sys.stderr)


def say_problems(problems: tuple[Problem, ...], format: str) -> bool:
    """Print everything that keeps a deployment from working; whether any of it does for sure."""
    for one in problems:
        say_problem(one.message, one.fix, format, "error" if one.stops else "warning")
    return any(one.stops for one in problems)
