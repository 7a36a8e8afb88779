"""Retry and error policies of a step, as plans carry them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.errors import ErrorClass
from flowc_shim.language import values as v
from flowc_shim.language.decode import decode_value
from flowc_shim.language.encode import encode_value
from flowc_shim.language.forms import Spelling

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROWING = 65
"""Re-tries after which waits grow no more, whatever their cap."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How often one error class is retried, and how long to wait before each retry.

    ``max``: re-tries. ``delay``, ``cap``: seconds; the n-th wait is ``delay × factor^(n-1)``, at
    most ``cap``. ``jitter``: wait a uniform random part of that (full jitter).
    """

    max: int = 0
    delay: float = 5.0
    factor: float = 2.0
    cap: float = 60.0
    jitter: bool = True

    def wait(self, retry: int) -> float:
        """Return the longest wait in seconds before re-try number ``retry`` (from 1)."""
        try:
            growth = float(self.factor) ** (min(retry, _GROWING) - 1)
        except OverflowError:
            return float(self.cap) if self.delay else 0.0
        return float(min(self.cap, self.delay * growth))

    def total_wait(self) -> float:
        """Return the sum of all waits in seconds, without jitter."""
        growing = min(self.max, _GROWING)
        waits = sum(self.wait(n) for n in range(1, growing + 1))
        return waits + (self.max - growing) * self.wait(_GROWING)

    def to_json(self) -> dict[str, Any]:
        """Return the plan form."""
        return {
            "max": self.max,
            "delay": self.delay,
            "factor": self.factor,
            "cap": self.cap,
            "jitter": self.jitter,
        }


DEFAULT_USER = Budget(max=0)
DEFAULT_PLATFORM = Budget(max=3)
DEFAULT_TIMEOUT = Budget(max=0)


@dataclass(frozen=True, slots=True)
class Retry:
    """The budgets by class, and the condition that every re-try also needs."""

    user: Budget = DEFAULT_USER
    platform: Budget = DEFAULT_PLATFORM
    timeout: Budget = DEFAULT_TIMEOUT
    condition: v.Expr | None = None

    def budget(self, error_class: ErrorClass) -> Budget:
        """Return the budget of ``error_class``."""
        return {
            ErrorClass.USER: self.user,
            ErrorClass.PLATFORM: self.platform,
            ErrorClass.TIMEOUT: self.timeout,
        }[error_class]

    @property
    def attempts(self) -> int:
        """Return the most attempts that there can be: the first and every re-try."""
        return 1 + self.user.max + self.platform.max + self.timeout.max

    def to_json(self) -> dict[str, Any]:
        """Return the plan form."""
        out = {name: getattr(self, name).to_json() for name in ("user", "platform", "timeout")}
        if self.condition is not None:
            out["if"] = encode_value(self.condition)
        return out

    @staticmethod
    def from_json(raw: dict[str, Any]) -> Retry:
        """Read back what :meth:`to_json` wrote."""
        condition = decode_value(raw["if"], Spelling.PLAN) if "if" in raw else None
        assert condition is None or isinstance(condition, v.Expr)
        return Retry(
            Budget(**raw["user"]), Budget(**raw["platform"]), Budget(**raw["timeout"]), condition
        )


DEFAULT_RETRY = Retry()


@dataclass(frozen=True, slots=True)
class OnError:
    """What a failure that no budget retries becomes: the flow's failure, or something else.

    ``default``: the value that the step then has (outcome ``defaulted``). ``skip``: the step is
    then ``skipped`` (classic Stepflow's own action). Neither: fail.
    """

    default: v.Value | None = None
    skip: bool = False

    @property
    def handles(self) -> bool:
        """Whether a failure is turned into something that readers can go on with."""
        return self.default is not None or self.skip


FAIL = OnError()


_ROUNDING = 1e-6
"""29 % of 100 items are 29 items, and not the 28.999… that binary fractions make of them."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How many items of a loop may fail: a count, or a share (0..1) of all items."""

    count: int = 0
    share: float | None = None

    def most(self, items: int) -> int:
        """Return how many failures a loop of ``items`` survives."""
        return self.count if self.share is None else int(self.share * items + _ROUNDING)

    def allows(self, failed: int, items: int) -> bool:
        """Whether a loop of ``items`` with ``failed`` failures still succeeds."""
        return failed <= self.most(items)

    def to_json(self) -> dict[str, Any]:
        """Return the plan form."""
        return {"share": self.share} if self.share is not None else {"count": self.count}

    @staticmethod
    def from_json(raw: dict[str, Any]) -> Tolerance:
        """Read back what :meth:`to_json` wrote."""
        return Tolerance(raw.get("count", 0), raw.get("share"))


NO_TOLERANCE = Tolerance()
"""Any failed item fails the loop."""


@dataclass(frozen=True, slots=True)
class Cache:
    """How long a step's result may be used again, in seconds, and for what.

    ``key``: what the result depends on; None: the step's input. ``versions``: component class →
    digest of what is known of it when the flow is compiled (configuration, version, image).
    """

    ttl: float
    key: v.Value | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the plan form."""
        out: dict[str, Any] = {"ttl": self.ttl, "versions": dict(self.versions)}
        return out if self.key is None else {**out, "key": encode_value(self.key)}

    @staticmethod
    def from_json(raw: dict[str, Any]) -> Cache:
        """Read back what :meth:`to_json` wrote."""
        key = decode_value(raw["key"], Spelling.PLAN) if "key" in raw else None
        return Cache(raw["ttl"], key, raw["versions"])
