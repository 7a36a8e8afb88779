"""What is said about one pod of a call, in the state store, below ``pods/<pod>`` of the run:

| key | who | says |
|---|---|---|
| ``ended`` | the unit's process | the program ended with exit code 0: take its output |
| ``over`` | the unit's process | nobody waits for an answer any more |
| ``answer`` | the pod's own helpers | the output, or what went wrong |
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.contract.errors import ErrorInfo, FlowError
from flowc_shim.runner import keys
from flowc_shim.stores.commit import land

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.stores.api import StateStore

ENDED, OVER, ANSWER = "ended", "over", "answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """``output``, or ``error``."""

    output: Json = None
    error: ErrorInfo | None = None

    def value(self) -> Json:
        """Return the output; raises FlowError."""
        if self.error is not None:
            raise FlowError(self.error)
        return self.output


@dataclass(frozen=True, slots=True)
class PodTalk:
    """The rows about ``pod`` of ``run``; all of it raises StoreUnavailable."""

    store: StateStore
    run: str
    pod: str

    def key(self, what: str) -> str:
        """Return the key of one of the rows."""
        return f"{keys.pod_prefix(self.run, self.pod)}/{what}"

    def say(self, what: str, content: Json = True) -> None:
        """Write one of the rows, unless it is there."""
        land(self.store, self.key(what), json.dumps(content).encode())

    def answer(self) -> Answer | None:
        """Return the answer, None while there is none."""
        body = self.store.read(self.key(ANSWER))
        if body is None:
            return None
        found = json.loads(body)
        error = found.get("error")
        return Answer(found.get("output"), ErrorInfo.from_json(error) if error else None)

    def give(self, answer: Answer) -> None:
        """Answer, unless that is done."""
        error = answer.error.to_json() if answer.error else None
        self.say(ANSWER, {"error": error} if error else {"output": answer.output})
