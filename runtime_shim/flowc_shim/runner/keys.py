"""Keys of a run in the state store.

``runs/<run>/…``; a place in a run is ``(scope indices, step path)``. Step paths hold the ids of the
loops around, so two loops beside each other never meet.
"""

from __future__ import annotations

import hashlib
import time
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote

Indices: TypeAlias = tuple[int, ...]

MAX_PART = 200
"""Characters of one part; stores take keys of about 900 in all."""


@lru_cache(maxsize=4096)
def _part(text: str) -> str:
    """Return ``text`` as one part of a key: percent-encoded, and hashed where it is very long."""
    part = quote(text, safe="")
    if not part.strip("."):
        return part.replace(".", "%2E")
    if len(part) > MAX_PART:
        return f"{part[: MAX_PART // 2]}~{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    return part


def indices_text(indices: Indices) -> str:
    """Return ``3/0`` for (3, 0), and the empty text for the root scope."""
    return "/".join(str(index) for index in indices)


def parse_indices(text: str) -> Indices:
    """Read back what :func:`indices_text` wrote."""
    return tuple(int(part) for part in text.split("/")) if text else ()


LANE = "~"
"""Between the number of a lane and how many there are."""


def parse_scope(text: str) -> tuple[Indices, int]:
    """Return indices and the number of lanes: ``3/0~4`` is lane 0 of 4; without, 0 lanes."""
    text, _, lanes = text.partition(LANE)
    return parse_indices(text), int(lanes or 0)


def _scope(indices: Indices) -> str:
    return ".".join(str(index) for index in indices) or "-"


def run_prefix(run: str) -> str:
    """Return the prefix of everything that a run writes."""
    return f"runs/{_part(run)}"


def header_key(run: str) -> str:
    """Return the key of the run's header: flow, plan, when it was started."""
    return f"{run_prefix(run)}/run"


def input_key(run: str) -> str:
    """Return the key of the run's input."""
    return f"{run_prefix(run)}/input"


def end_key(run: str) -> str:
    """Return the key of the run's end record."""
    return f"{run_prefix(run)}/end"


def conclusion_key(run: str) -> str:
    """Return the key of how everything but the ``finally:`` steps ended."""
    return f"{run_prefix(run)}/conclusion"


def record_key(run: str, indices: Indices, step: str) -> str:
    """Return the key of a step's one result."""
    return f"{run_prefix(run)}/steps/{_scope(indices)}/{_part(step)}"


def attempt_key(run: str, indices: Indices, step: str, attempt: int) -> str:
    """Return the key of the row that says an attempt began."""
    return f"{run_prefix(run)}/attempts/{_scope(indices)}/{_part(step)}/{attempt}"


def attempt_end_key(run: str, indices: Indices, step: str, attempt: int) -> str:
    """Return the key of the row that says how a failed attempt ended."""
    return attempt_key(run, indices, step, attempt) + ".end"


def loop_key(run: str, indices: Indices, loop: str) -> str:
    """Return the key of a loop's decided items."""
    return f"{run_prefix(run)}/loops/{_scope(indices)}/{_part(loop)}"


def rollup_key(run: str, indices: Indices, loop: str, lane: int, part: int) -> str:
    """Return the key of the results of several items that one lane ran."""
    return f"{run_prefix(run)}/rollups/{_scope(indices)}/{_part(loop)}/{lane}.{part}"


def state_key(run: str, indices: Indices, loop: str, number: int) -> str:
    """Return the key of the state of a ``while`` after ``number`` passes."""
    return f"{run_prefix(run)}/states/{_scope(indices)}/{_part(loop)}/{number}"


def failing_key(run: str, scope: str, indices: Indices) -> str:
    """Return the key of the flag that a scope (the run, or one item of a loop) is failing."""
    return f"{run_prefix(run)}/failing/{_part(scope) if scope else '-'}/{_scope(indices)}"


def loop_failing_key(run: str, loop: str, indices: Indices) -> str:
    """Return the key of the flag that a loop has more failed items than it tolerates."""
    return f"{run_prefix(run)}/failing-loops/{_part(loop)}/{_scope(indices)}"


def failed_item_key(run: str, loop: str, indices: Indices, number: int) -> str:
    """Return the key of the row that says which item of a loop was the ``number``-th to fail."""
    return f"{run_prefix(run)}/failed-items/{_part(loop)}/{_scope(indices)}/{number}"


def start_key(run: str, name: str) -> str:
    """Return the key of what ``run`` starts the run called ``name`` with."""
    return f"{run_prefix(run)}/starts/{_part(name)}"


def gang_prefix(run: str, gang: str) -> str:
    """Return the prefix of what processes say that make one call of ``run`` together."""
    return f"{run_prefix(run)}/gangs/{gang}"


def pod_prefix(run: str, pod: str) -> str:
    """Return the prefix of what is said about a pod that ``run`` makes for a call."""
    return f"{run_prefix(run)}/pods/{_part(pod)}"


def alias_key(name: str, run: str) -> str:
    """Return the key under which people find a run by the engine's name for it.

    Engines use names again, so a name may have several runs.
    """
    return f"names/{_part(name)}/{_part(run)}"


def deployment_prefix(deployment: str) -> str:
    """Return the prefix of what is kept about a deployment (``<target>/<name>``)."""
    return f"deployments/{_part(deployment)}"


def run_of_deployment_key(deployment: str, started: float, run: str) -> str:
    """Return the key by which a deployment's runs are listed, oldest first."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(started))
    return f"{deployment_prefix(deployment)}/runs/{moment}.{_part(run)}/-"


def open_run_key(deployment: str, run: str) -> str:
    """Return the key that stands for a run whose end nobody has seen recorded yet."""
    return f"{deployment_prefix(deployment)}/open/{_part(run)}/-"


def uses_prefix(run_prefix: str) -> str:
    """Return where it is said who uses the files of the run with this prefix."""
    return f"uses/{run_prefix.removeprefix('runs/')}"


def run_use_key(run_prefix: str, run: str) -> str:
    """Return the key of the row that says that ``run`` does."""
    return f"{uses_prefix(run_prefix)}/{_part(run)}"


def cache_use_key(run_prefix: str, digest: str, window: int) -> str:
    """Return the key of the row that says that a cached result does."""
    return f"{uses_prefix(run_prefix)}/cache.{digest}.{window}"


CACHE = "cache"
"""Where cached results are."""


def cache_prefix(digest: str) -> str:
    """Return the prefix of the results that depend on what has this digest."""
    return f"{CACHE}/{digest}"


def cache_key(digest: str, window: int) -> str:
    """Return the key of the result that was put first in a window of time."""
    return f"{cache_prefix(digest)}/{window}"
