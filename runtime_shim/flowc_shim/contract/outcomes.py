"""Outcomes of steps and runs, and what each means for the edges that leave a step.

Normative text: section 4 of ``docs/language.md``.
"""

from __future__ import annotations

from enum import Enum


class Outcome(str, Enum):
    """How a step, or a run, ended."""

    SUCCEEDED = "succeeded"
    DEFAULTED = "defaulted"
    CACHED = "cached"
    SKIPPED = "skipped"
    NOT_NEEDED = "not_needed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    REJECTED = "rejected"
    UPSTREAM_FAILED = "upstream_failed"
    NOT_STARTED = "not_started"
    STOPPED = "stopped"


EDGE_TRUE = frozenset({Outcome.SUCCEEDED, Outcome.DEFAULTED, Outcome.CACHED})
"""The step has a value; an edge that leaves it is true."""

FAILS_THE_FLOW = frozenset({Outcome.FAILED, Outcome.TIMED_OUT, Outcome.REJECTED})
"""Unhandled failures: the enclosing scope (item, run) has failed."""

BLOCKS_READERS = FAILS_THE_FLOW | {Outcome.UPSTREAM_FAILED}
"""A reader of such a step ends ``upstream_failed``."""

NEVER_RAN = frozenset({Outcome.NOT_STARTED, Outcome.STOPPED})
"""A reader of such a step ends ``not_started``."""
