"""Runs as Argo knows them: Workflows, found by label, by name and by uid."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import datetime
from typing import TYPE_CHECKING

from flowc.deploy.provider import DeployError, EngineRun, RunState
from flowc_targets.argo.deploy.kinds import ARGO
from flowc_targets.argo.identity import MANAGED_BY, MANAGER, NAME, PLAN
from flowc_targets.argo.schedules import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.deploy.provider import Start
    from flowc_targets.argo.deploy.api import ArgoApi
    from flowc_targets.argo.deploy.kinds import Document

COMPLETED = "workflows.argoproj.io/completed"
TEMPLATE = "workflows.argoproj.io/workflow-template"
CRON = "workflows.argoproj.io/cron-workflow"
SCHEDULED = "workflows.argoproj.io/scheduled-time"
INPUT_DIGEST = "flowc.dev/input"
TAGS = "flowc.dev/tags"
CACHE_SECONDS = 60.0
"""How long after it was made a WorkflowTemplate may be missing from the controller's cache."""

_LOOK = 0.2
_STATES = {
    "": RunState.PENDING,
    "Pending": RunState.PENDING,
    "Running": RunState.RUNNING,
    "Succeeded": RunState.SUCCEEDED,
    "Failed": RunState.FAILED,
    "Error": RunState.FAILED,
}


class Workflows:
    """The Workflows of one deployment."""

    def __init__(self, api: ArgoApi, namespace: str, name: str) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name

    def start(self, start: Start) -> EngineRun:
        """Create a Workflow from the template; a name that exists is the run that it had.

        Argo's controller reads templates from a cache, which may not have one that was just made:
        such a Workflow ends in error before anything ran, and is made again.
        """
        until = time.monotonic() + CACHE_SECONDS
        while True:
            made = self._create(start)
            if not self._is_new_template() or not self._failed_at_once(made):
                return made
            if time.monotonic() > until:
                raise DeployError(
                    f"Argo's controller does not see the WorkflowTemplate {self._name}",
                    "see whether it watches this namespace",
                )
            self._api.delete(made.name, made.key)
            while self.read(made) is not None:
                time.sleep(_LOOK)

    def _is_new_template(self) -> bool:
        found = self._api.get("WorkflowTemplate", self._name)
        if found is None:
            raise DeployError(f"`{self._name}` is not deployed here", "run `flowc deploy` first")
        made = _seconds(found["metadata"]["creationTimestamp"]) or 0.0
        return time.time() - made < CACHE_SECONDS

    def _failed_at_once(self, run: EngineRun) -> bool:
        """Wait until Argo has looked at a run; whether it did not find the template."""
        until = time.monotonic() + CACHE_SECONDS
        while time.monotonic() < until:
            found = self.read(run)
            status = (found or {}).get("status") or {}
            if found is None or status.get("phase"):
                message = str(status.get("message") or "")
                return not status.get("nodes") and "not found" in message
            time.sleep(_LOOK)
        return False  # nobody looks: that is for `flowc status` to say

    def _create(self, start: Start) -> EngineRun:
        answer = self._api.create(self._document(start))
        if answer.status == 409:
            return self._existing(start)
        if answer.status < 400:
            return engine_run(answer.body)
        # whether it is there is known only by looking: the answer may have been lost
        found = self._api.get("Workflow", start.name)
        if found is not None:
            return self._existing(start)
        return engine_run(self._api.expect(answer, f"create run {start.name}"))

    def _existing(self, start: Start) -> EngineRun:
        found = self._api.get("Workflow", start.name)
        if found is None:
            raise DeployError(
                f"run {start.name} was deleted while it was started", "start it again"
            )
        notes = found["metadata"].get("annotations") or {}
        if notes.get(INPUT_DIGEST) not in (None, input_digest(start)):
            raise DeployError(
                f"run {start.name} exists, and was started with another input",
                "use another `--idempotency-key`",
            )
        return engine_run(found)

    def _document(self, start: Start) -> Document:
        notes = {INPUT_DIGEST: input_digest(start)}
        how: Document = {"input_key": start.input_key} if start.input_key else {}
        if start.tags:
            how["tags"] = list(start.tags)
            notes[TAGS] = json.dumps(how["tags"], ensure_ascii=False)
        given = {"input": start.input or "null", "start": json.dumps(how)}
        parameters = [{"name": name, "value": escaped(text)} for name, text in given.items()]
        return {
            "apiVersion": ARGO,
            "kind": "Workflow",
            "metadata": {
                "name": start.name,
                "namespace": self._namespace,
                "labels": {MANAGED_BY: MANAGER, NAME: self._name, TEMPLATE: self._name},
                "annotations": notes,
            },
            "spec": {
                "workflowTemplateRef": {"name": self._name},
                "arguments": {"parameters": parameters},
            },
        }

    def _all(self, selector: str = "") -> Iterator[Document]:
        wanted = f"{NAME}={self._name}" + (f",{selector}" if selector else "")
        return self._api.list("Workflow", wanted)

    def unfinished(self) -> Iterator[Document]:
        """Yield the Workflows that are not finished, those without any label as well.

        One that was just submitted by hand has labels only once Argo has looked at it.
        """
        for document in self._api.list("Workflow", f"{COMPLETED}!=true"):
            template = (document.get("spec") or {}).get("workflowTemplateRef") or {}
            labels = document["metadata"].get("labels") or {}
            if self._name in (template.get("name"), labels.get(NAME)):
                yield document

    def runs(self, keep: frozenset[RunState]) -> Iterator[EngineRun]:
        """Yield the runs of these states (of all, if none is given), newest first."""
        # the sweeper's own Workflows have another name
        found = [engine_run(document) for document in self._all()]
        for run in sorted(found, key=lambda run: -(run.started or 0)):
            if not keep or run.state in keep:
                yield run

    def forget(self) -> None:
        """Delete all Workflows that are finished."""
        for document in list(self._all(f"{COMPLETED}=true")):
            self._api.delete(document["metadata"]["name"], document["metadata"]["uid"])

    def run(self, key_or_name: str) -> EngineRun | None:
        """Return the run of that name or uid."""
        found = self._api.get("Workflow", key_or_name)
        if found is not None:
            return engine_run(found)
        same = [one for one in self._all() if one["metadata"].get("uid") == key_or_name]
        return engine_run(same[0]) if same else None

    def read(self, run: EngineRun) -> Document | None:
        """Return the Workflow of a run; None if it is gone, and its name another run's."""
        found = self._api.get("Workflow", run.name)
        return found if found is not None and found["metadata"]["uid"] == run.key else None

    def stop(self, run: EngineRun) -> None:
        """Ask Argo to stop the run, which then runs its exit handler; ended already is fine."""
        if self.read(run) is not None:
            self._api.stop(run.name, run.key)


def input_digest(start: Start) -> str:
    """Return what tells whether two starts of one name ask for the same."""
    return hashlib.sha256(f"{start.input}\0{start.input_key}".encode()).hexdigest()[:16]


def engine_run(document: Document) -> EngineRun:
    """Return what a Workflow says of itself."""
    metadata, status = document["metadata"], document.get("status") or {}
    notes, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    state = _STATES.get(status.get("phase") or "", RunState.RUNNING)
    if state is RunState.FAILED and (document.get("spec") or {}).get("shutdown"):
        state = RunState.STOPPED
    return EngineRun(
        key=metadata["uid"],
        name=metadata["name"],
        state=state,
        started=_seconds(status.get("startedAt") or metadata.get("creationTimestamp")),
        ended=_seconds(status.get("finishedAt")),
        plan=labels.get(PLAN, ""),
        message=status.get("message") or "",
        tags=tuple(json.loads(notes.get(TAGS, "[]"))),
        scheduled=notes.get(SCHEDULED, "") if CRON in labels else "",
    )


def _seconds(text: str | None) -> float | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None
