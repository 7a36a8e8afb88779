"""The pod of a call: what was deployed as a template, and what of it is this call's."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Any

from flowc_shim.components.command_contract import contract_words
from flowc_shim.engines.pod_state import PROGRAM
from flowc_shim.engines.pod_words import unexpanded
from flowc_shim.runner.keys import indices_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_shim.components.api import Call
    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.pod_talk import PodTalk

POD_NAME, POD_UID = "FLOWC_POD_NAME", "FLOWC_POD_UID"
"""This process's own pod, which owns the one that it makes."""

HANDED_ON = ("FLOWC_STORE", "FLOWC_STORE_OPTIONS", "FLOWC_RUN_NAME")
"""What differs from run to run of what the helpers' environment needs; no secret is among it."""

SPARE_SECONDS = 60
"""What the kubelet's own deadline leaves on top of the call's ``timeout``."""

_LONGEST_RUN = 40
_DIGITS = 12
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def pod_name(run_name: str, call: Call, attempt: int) -> str:
    """Return the name of the pod of an attempt: the same for whoever asks."""
    readable = _NOT_IN_NAMES.sub("-", run_name.lower())[:_LONGEST_RUN].strip("-") or "run"
    digest = hashlib.sha256(call.idempotency_key.encode()).hexdigest()[:_DIGITS]
    return f"{readable}-{digest}-{attempt}"


def pod_document(
    template: dict[str, Any],
    talk: PodTalk,
    call: Call,
    place: tuple[str, Indices],
    environ: Mapping[str, str],
) -> dict[str, Any]:
    """Return the pod: the template, and what of it is this call's."""
    step, indices = place
    about = template.get("metadata") or {}
    scope = indices_text(indices)
    notes = {"step": step, "scope": scope, "attempt": str(call.attempt)}
    metadata = {
        **about,
        "name": talk.pod,
        "annotations": {
            **(about.get("annotations") or {}),
            **{f"flowc.dev/{key}": value for key, value in notes.items()},
        },
        "ownerReferences": owners(environ),
    }
    words = [
        f"--run={talk.run}", f"--step={step}", f"--scope={scope}",
        f"--attempt={call.attempt}", f"--pod={talk.pod}",
    ]  # fmt: skip
    given = handed_on(environ)
    spec = {**template["spec"]}
    for kind in ("initContainers", "containers"):
        spec[kind] = [
            with_more(one, env=contract_words(call))
            if one["name"] == PROGRAM
            else with_more(one, words=words, env=given)
            for one in spec[kind]
        ]
    if call.timeout is not None:
        spec["activeDeadlineSeconds"] = math.ceil(call.timeout) + SPARE_SECONDS
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def owners(environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return this process's own pod, as what it makes refers to it."""
    if POD_UID not in environ:
        return []
    name, uid = environ[POD_NAME], environ[POD_UID]
    return [{"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}]


def handed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what of this process's environment those need that it starts."""
    return {name: environ[name] for name in HANDED_ON if name in environ}


def with_more(
    container: Mapping[str, Any], *, env: Mapping[str, str], words: Sequence[str] = ()
) -> dict[str, Any]:
    """Return ``container`` with more environment, and more words behind its arguments."""
    more = [{"name": key, "value": unexpanded(value)} for key, value in env.items()]
    found = {**container, "env": [*(container.get("env") or ()), *more]}
    if words:
        found["args"] = [*(container.get("args") or ()), *map(unexpanded, words)]
    return found
