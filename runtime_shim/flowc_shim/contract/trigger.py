"""What started a run: the contract between whatever schedules runs and the shim.

Beside its input a run may be started with a *trigger*, a JSON object (``null``, or none at all, for
a run that somebody started by hand):

| key | value |
|---|---|
| ``scheduledTime`` | when the run was due: RFC 3339, with any offset |
| ``timezone`` | the IANA zone of the schedule; ``UTC`` without it |
| ``signal``, ``run`` | the signal, or the run, that started this one |
| ``origin`` | ``{run, name}``: the key of the run that started this one, and this one's name |
| ``input`` | the run's input in place of its own: a value with ``$trigger``, ``$literal`` |
| ``schedule`` | the schedule's name, unique in the store: one run is admitted per scheduled time |

Where an engine hands both over: the parameters ``input`` and ``trigger`` of an Argo Workflow, and
``{"input": …, "trigger": …}`` as the input of a Step Functions execution. So a CronWorkflow gives
the parameter ``trigger`` with ``{{workflow.scheduledTime}}`` in it, and an EventBridge schedule its
target's input with ``<aws.scheduler.scheduled-time>``; both are made by :func:`schedule_trigger`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flowc_shim.contract.errors import FlowError, final_error
from flowc_shim.language import values as v
from flowc_shim.language.decode import decode_value
from flowc_shim.language.forms import Spelling
from flowc_shim.language.paths import PathNotFound, follow, render_path

if TYPE_CHECKING:
    from datetime import tzinfo

    from flowc_shim.contract.json_types import Json

UTC = "UTC"
KEYS = ("scheduledTime", "date", "signal", "run")
"""What ``$trigger`` has; all of them always, null where the trigger says nothing of it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that started another: its key, and the other's name."""

    run: str
    name: str

    def to_json(self) -> dict[str, Json]:
        """Return it as triggers have it."""
        return {"run": self.run, "name": self.name}


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger as flows see it (``value``), and the input that it gives, if it gives one.

    ``schedule``: which one fired, empty if none did or if its runs need not be told apart.
    ``origin``: where the run that started this one wrote what it is started with.
    """

    value: dict[str, Json]
    input: Json = None
    gives_input: bool = False
    schedule: str = ""
    origin: Origin | None = None


def schedule_trigger(
    scheduled_time: str, zone: str | None, given: Json, schedule: str = ""
) -> dict[str, Json]:
    """Return the trigger of a schedule.

    ``scheduled_time``: what the engine replaces with the time. ``zone``, ``given``: the schedule's
    time zone, and its ``input`` as the project file has it (None: the run's own). ``schedule``: its
    name, if the engine may fire more than once.
    """
    trigger: dict[str, Json] = {"scheduledTime": scheduled_time, "timezone": zone or UTC}
    if schedule:
        trigger["schedule"] = schedule
    return trigger if given is None else {**trigger, "input": given}


def read_trigger(raw: Json) -> Trigger | None:
    """Return what a run's trigger says, None for a run that was started by hand.

    Raises FlowError (INVALID_INPUT) for one that breaks the contract.
    """
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise _broken("it is not an object")
    due = _due(raw.get("scheduledTime"), raw.get("timezone"))
    value: dict[str, Json] = {
        "scheduledTime": None if due is None else due.isoformat(),
        "date": None if due is None else due.date().isoformat(),
        "signal": raw.get("signal"),
        "run": raw.get("run"),
    }
    schedule = str(raw.get("schedule") or "")
    if "origin" in raw:
        return Trigger(value, origin=_origin(raw["origin"]))
    if "input" not in raw:
        return Trigger(value, schedule=schedule)
    return Trigger(value, _input(raw["input"], value), gives_input=True, schedule=schedule)


def _origin(raw: Json) -> Origin:
    if not isinstance(raw, dict) or not raw.get("run") or not raw.get("name"):
        raise _broken("its `origin` is not a run and a name")
    return Origin(str(raw["run"]), str(raw["name"]))


def _due(text: Json, zone: Json) -> datetime | None:
    if text is None:
        return None
    try:
        due = parse_time(str(text))
    except ValueError as error:
        raise _broken(f"`{text}` is not a time: {error}") from error
    return due.astimezone(_zone(zone))


def parse_time(text: str) -> datetime:
    """Return a time in RFC 3339; raises ValueError."""
    # Python 3.10 reads no `Z`, and no fractions but of three or six digits
    seconds, _, rest = text.strip().replace("Z", "+00:00").partition(".")
    time = datetime.fromisoformat(seconds + rest.lstrip("0123456789"))
    if time.tzinfo is None:
        raise ValueError("it has no offset")
    return time


def _zone(name: Json) -> tzinfo:
    if name is None or name == UTC:
        return timezone.utc  # known without any data
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _broken(f"there is no time zone `{name}` here") from error


def _input(raw: Json, trigger: dict[str, Json]) -> Json:
    try:
        return _plain(decode_value(raw, Spelling.TRIGGER), trigger)
    except ValueError as error:
        raise _broken(f"its input: {error}") from error


def _plain(value: v.Value, trigger: dict[str, Json]) -> Json:
    if isinstance(value, v.TriggerRef):
        try:
            return follow(trigger, value.path)
        except PathNotFound as error:
            raise _broken(f"it has no {render_path(value.path)}") from error
    if isinstance(value, v.ObjectValue):
        return {key: _plain(member, trigger) for key, member in value.members}
    if isinstance(value, v.ListValue):
        return [_plain(item, trigger) for item in value.items]
    assert isinstance(value, v.Literal)
    return value.value


def _broken(why: str) -> FlowError:
    return final_error("INVALID_INPUT", f"the run's trigger: {why}")
