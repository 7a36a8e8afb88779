"""A call whose program runs in a pod of its own, led from here: made, followed to its end, deleted.

The engine knows nothing of that pod. This process decides what its end means, as it does for a
program that it starts itself. There is one pod of a call at a time: an attempt deletes what former
ones left behind before it makes its own, and takes its own away however it ends. A process that is
killed leaves its pod behind until then, or until its own pod is deleted, which owns it.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from flowc_shim.components.command_contract import exit_error
from flowc_shim.components.limits import Limits
from flowc_shim.contract.errors import final_error, platform_error, timeout_error
from flowc_shim.engines.api import EngineUnavailable
from flowc_shim.engines.kube_api import Refused
from flowc_shim.engines.pod_log import PodLog
from flowc_shim.engines.pod_state import COLLECT, PROGRAM, STAGE, PodState, read_pod
from flowc_shim.engines.pods import pods_here
from flowc_shim.runner.pod_document import pod_document, pod_name
from flowc_shim.runner.pod_talk import ENDED, OVER, PodTalk
from flowc_shim.stores.api import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc_shim.components.api import Call
    from flowc_shim.contract.errors import FlowError
    from flowc_shim.contract.json_types import Json
    from flowc_shim.engines.pods import Pods
    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.pod_talk import Answer
    from flowc_shim.runner.runtime import Runtime

START_SECONDS = 60.0
"""How long a container may have trouble to start: an image that a registry does not give away."""
GONE_SECONDS = 60.0
"""How long the pods of former attempts may take to end; a node that is lost never says so."""
OUTAGE_SECONDS = 600.0
"""How long the API or the store may be away."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
END_TRIES = 3
LOG_SECONDS = 5.0

T = TypeVar("T")


def run_pod(runtime: Runtime, place: tuple[str, Indices] | None, call: Call, template: str) -> Json:
    """Run the program of ``call`` in a pod made from ``template``, and return its output.

    ``place``: the step's path and indices. Raises FlowError as commands do, and
    ``CONTAINER_START``, ``POD_LOST``, ``ENGINE_UNAVAILABLE`` (all platform).
    """
    if place is None:
        raise final_error(
            "CONFIGURATION",
            f"{call.component} runs in a pod of its own, which a flow given as data cannot start",
        )
    try:
        pods = pods_here()
        name = pod_name(runtime.run_name, call, call.attempt)
        talk = PodTalk(runtime.journal.store, runtime.journal.run, name)
        return _Leader(pods, talk, call, Limits(call)).run(runtime, place, template)
    except Refused as error:
        raise _refusal(call, error) from error
    except EngineUnavailable as error:
        raise platform_error("ENGINE_UNAVAILABLE", str(error)) from error


@dataclass
class _Leader:
    pods: Pods
    talk: PodTalk
    call: Call
    limits: Limits

    def run(self, runtime: Runtime, place: tuple[str, Indices], template: str) -> Json:
        self.limits.check()
        self._remove_former(runtime.run_name)
        found = self._patiently(lambda: self.pods.template(template))
        if found is None:
            message = f"there is no PodTemplate `{template}`: deploy the flow again"
            raise final_error("CONFIGURATION", message)
        document = pod_document(found, self.talk, self.call, place, os.environ)
        with self._pod(document), PodLog(self.pods, self.talk.pod, PROGRAM) as log:
            self._follow(log)
            answer = self._answer()
            log.lines(LOG_SECONDS)
            return answer.value()

    def _remove_former(self, run_name: str) -> None:
        """Delete the pods of former attempts, and wait until they are gone, but not for ever."""
        former = [pod_name(run_name, self.call, n) for n in range(1, self.call.attempt)]
        left = [name for name in former if self._patiently(partial(self.pods.delete, name))]
        end = time.monotonic() + GONE_SECONDS
        while left and time.monotonic() < end:
            left = [name for name in left if self._patiently(partial(self.pods.get, name))]
            if left:
                self.limits.pause(FIRST_PAUSE)

    @contextmanager
    def _pod(self, document: dict[str, Any]) -> Iterator[None]:
        """Make the pod; it is deleted at the end of the block, however that comes."""
        try:
            self._patiently(lambda: self.pods.create(document))
            yield
        finally:
            self._end()

    def _end(self) -> None:
        """Delete the pod; if the API is away, at least let nobody in it wait."""
        for attempt in range(END_TRIES):
            try:
                self.pods.delete(self.talk.pod)
                return
            except EngineUnavailable:
                time.sleep(attempt)
        try:
            self.talk.say(OVER)
        except StoreUnavailable:
            return  # the pod is deleted by the next attempt, or with this process's own

    def _follow(self, log: PodLog) -> None:
        """Return when the program ended with exit code 0; raises FlowError for any other end."""
        began = time.monotonic()
        troubled: float | None = None
        while True:
            state = read_pod(self._patiently(lambda: self.pods.get(self.talk.pod)))
            if state.is_running or state.code is not None:
                log.begin()
            troubled = (troubled or time.monotonic()) if state.trouble else None
            for_long = troubled is not None and time.monotonic() - troubled >= START_SECONDS
            failure = self._failure(state, log, patient=not for_long)
            if failure is not None:
                raise failure
            if state.code == 0:
                return
            self.limits.pause(_pause(time.monotonic() - began))

    def _failure(self, state: PodState, log: PodLog, *, patient: bool) -> FlowError | None:
        """Return the error that the call ends with by what the pod says, None if it goes on."""
        component = self.call.component
        if state.overdue:
            return timeout_error(f"{component}: its pod took longer than its deadline")
        if state.lost:
            return _lost(f"the pod of {component} is lost: {state.lost}")
        if state.refused:
            return _not_started(component, f"container `{PROGRAM}`: {state.refused}")
        if state.code:
            return self._exit(state, log)
        if state.stage_failed:
            answer = self._patiently(self.talk.answer)
            if answer is not None:
                answer.value()
            return _not_started(component, f"container `{STAGE}`: {state.stage_failed}")
        if state.trouble and (state.in_vain or not patient):
            return _not_started(component, state.trouble)
        return None

    def _exit(self, state: PodState, log: PodLog) -> FlowError | None:
        lines = log.lines(LOG_SECONDS) or state.message.splitlines()
        code = 137 if state.reason == "OOMKilled" else state.code
        assert code is not None
        return exit_error(self.call.component, code, lines)

    def _answer(self) -> Answer:
        """Have the pod's ``collect`` take what the program wrote, and return its answer."""
        self._patiently(lambda: self.talk.say(ENDED))
        began = time.monotonic()
        while (answer := self._patiently(self.talk.answer)) is None:
            state = read_pod(self._patiently(lambda: self.pods.get(self.talk.pod)))
            why = state.lost or state.collect_ended or ("it is overdue" if state.overdue else "")
            if why:
                # It may have answered before it ended.
                answer = self._patiently(self.talk.answer)
                if answer is None:
                    said = f"container `{COLLECT}`: {why}"
                    raise _lost(f"the output of {self.call.component} is lost: {said}")
                return answer
            self.limits.pause(_pause(time.monotonic() - began))
        return answer

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Return what ``ask`` does, again and again while the API or the store is away.

        Raises FlowError (also if the call's time is over), Refused.
        """
        end = time.monotonic() + OUTAGE_SECONDS
        while True:
            try:
                return ask()
            except Refused:
                raise
            except (EngineUnavailable, StoreUnavailable) as error:
                if time.monotonic() > end:
                    is_store = isinstance(error, StoreUnavailable)
                    code = "STORE_UNAVAILABLE" if is_store else "ENGINE_UNAVAILABLE"
                    raise platform_error(code, str(error)) from error
            self.limits.pause(FIRST_PAUSE)


def _pause(waited: float) -> float:
    """Return how long to wait after ``waited`` seconds: the longer, the less it matters."""
    return min(max(FIRST_PAUSE, waited / 20), LONGEST_PAUSE)


def _lost(message: str) -> FlowError:
    return platform_error("POD_LOST", message)


def _not_started(component: str, why: str) -> FlowError:
    return platform_error("CONTAINER_START", f"{component} could not be started: {why}")


def _refusal(call: Call, error: Refused) -> FlowError:
    """Return the error of a pod that the API does not make; quotas and policies answer 403."""
    if error.code in (403, 409):
        return _not_started(call.component, str(error))
    return final_error("CONFIGURATION", f"{call.component}: {error}")
