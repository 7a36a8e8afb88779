"""Durations, resource quantities and shares: from text or number to seconds, cores and bytes.

Units are strict: a form that could mean two things is refused with the forms that are read.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from flowc.source.fields import Kind, is_integer, is_number

_DURATION = re.compile(
    r"(?:([0-9.]+)d)?(?:([0-9.]+)h)?(?:([0-9.]+)m(?!s))?(?:([0-9.]+)s)?(?:([0-9.]+)ms)?\Z"
)
_SECONDS = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?\Z")
_CPU = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(m?)\Z")
_BYTES = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)(Ki|Mi|Gi|Ti|Pi|k|K|M|G|T|P)?\Z")
_BYTES_TYPO = re.compile(r"([0-9.]+)\s*([kmgtp])(i?)b?\Z", re.I)
_FACTORS = {
    "": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50,
}  # fmt: skip
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%\Z")

MAX_RETENTION_DAYS = 3653
"""Ten years: the longest that CloudWatch keeps logs, other than for ever."""

DURATION_FORMS = "a duration: `20m`, `60s`, `100ms`, `1h30m`, `7d`, or a number of seconds"
CPU_FORMS = "cores: `2`, `0.5` or `500m`"
BYTES_FORMS = "a size: `32Gi`, `512Mi`, `1.5G`, or a number of bytes"
GPU_FORMS = "a whole number from 0"
RETENTION_FORMS = "a duration with its unit, from `1h` to `3653d`: `30d`, `12h`"
SHARE_FORMS = "a share such as `10%`"

DURATION = Kind(DURATION_FORMS, lambda raw: True, {"type": ["string", "number"], "minimum": 0})
RETENTION = Kind(RETENTION_FORMS, lambda raw: True, {"type": "string"})
CPU = Kind(CPU_FORMS, lambda raw: True, {"type": ["string", "number"], "exclusiveMinimum": 0})
BYTES = Kind(BYTES_FORMS, lambda raw: True, {"type": ["string", "integer"], "minimum": 1})
GPU = Kind(GPU_FORMS, lambda raw: True, {"type": "integer", "minimum": 0})


class QuantityError(ValueError):
    """A text or number that is none of the accepted forms; ``hint``: what was probably meant."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def parse_duration(raw: Any) -> float:
    """Return seconds; raises QuantityError.

    >>> parse_duration("1h30m")
    5400.0
    """
    if is_number(raw) and raw >= 0 and raw < 1e12:
        return float(raw)
    match = _DURATION.match(raw) if isinstance(raw, str) and raw else None
    if match is None:
        hint = f"write `{raw}s`" if isinstance(raw, str) and _DECIMAL.match(raw) else None
        raise QuantityError(f"takes {DURATION_FORMS}", hint)
    total = 0.0
    for part, seconds in zip(match.groups(), _SECONDS, strict=True):
        if part is not None:
            if not _DECIMAL.match(part):
                raise QuantityError(f"takes {DURATION_FORMS}")
            # Milliseconds are divided, not multiplied, so that 100ms is exactly 0.1.
            total += float(part) / 1000 if seconds < 1 else float(part) * seconds
    return total


def parse_retention(raw: Any) -> float:
    """Return seconds; raises QuantityError. A bare number might be meant as seconds or as days."""
    if is_number(raw):
        raise QuantityError(f"takes {RETENTION_FORMS}", f"write `{raw}d`, if days are meant")
    try:
        seconds = parse_duration(raw)
    except QuantityError as error:
        hint = error.hint.replace("s`", "d`") if error.hint else None
        raise QuantityError(f"takes {RETENTION_FORMS}", hint) from error
    if not _SECONDS[1] <= seconds <= MAX_RETENTION_DAYS * _SECONDS[0]:
        raise QuantityError(f"takes {RETENTION_FORMS}")
    return seconds


def parse_cpu(raw: Any) -> float:
    """Return cores, more than 0; raises QuantityError."""
    match = _CPU.match(str(raw)) if is_number(raw) or isinstance(raw, str) else None
    cores = float(match[1]) / (1000 if match[2] else 1) if match else 0.0
    if cores <= 0:
        raise QuantityError(f"takes {CPU_FORMS}")
    return cores


def parse_bytes(raw: Any) -> int:
    """Return bytes, at least 1 (a fraction rounds up); raises QuantityError."""
    match = _BYTES.match(str(raw)) if is_integer(raw) or isinstance(raw, str) else None
    if match is None:
        typo = _BYTES_TYPO.match(raw) if isinstance(raw, str) else None
        hint = f"write `{typo[1]}{typo[2].upper()}{typo[3].lower()}`" if typo else None
        raise QuantityError(f"takes {BYTES_FORMS}", hint)
    size = math.ceil(Decimal(match[1]) * _FACTORS[match[2] or ""])
    if size < 1:
        raise QuantityError(f"takes {BYTES_FORMS}")
    return size


def parse_gpu(raw: Any) -> int:
    """Return a count; raises QuantityError."""
    if is_integer(raw) and raw >= 0:
        return int(raw)
    raise QuantityError(f"takes {GPU_FORMS}")


def parse_share(raw: Any) -> float:
    """Return a share between 0 and 1; raises QuantityError."""
    match = _SHARE.match(raw) if isinstance(raw, str) else None
    if match is None or Decimal(match[1]) > 100:
        raise QuantityError(f"takes {SHARE_FORMS}")
    return float(Decimal(match[1]) / 100)
