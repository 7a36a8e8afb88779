"""Regular expressions in linear time: RE2, with small programs, paid for by their size.

RE2 is linear in the text but also in the size of the compiled pattern, so both are bounded.
"""

from __future__ import annotations

from typing import Any

from flowc_shim.language.expressions.errors import Fault
from flowc_shim.language.expressions.limits import MAX_CHARACTERS, Meter

_MAX_MEMORY = 1 << 20

_COMPILE_STEPS = 200
"""Price of a new pattern, beside its length: RE2 may take milliseconds until it refuses one."""

_KEPT_PROGRAMS = 16
"""How many patterns an evaluation keeps; a literal one is paid for once, not per element."""

_INSTRUCTIONS_PER_STEP = 4_096
"""One instruction for one character takes some nanoseconds at worst: a step, some microseconds."""


def matches(text: str, pattern: str, meter: Meter) -> bool:
    """Return whether ``pattern`` matches somewhere in ``text``; ``^`` and ``$`` anchor it."""
    program = _paid_program(pattern, meter)
    meter.spend(program.programsize * len(text) // _INSTRUCTIONS_PER_STEP)
    try:
        return program.search(text) is not None
    except UnicodeEncodeError:
        raise Fault("`matches` needs text without lone surrogates") from None


def _paid_program(pattern: str, meter: Meter) -> Any:
    program = meter.programs.get(pattern)
    if program is None:
        meter.spend(_COMPILE_STEPS + min(len(pattern), MAX_CHARACTERS))
        program = compile_pattern(pattern)
        if len(meter.programs) == _KEPT_PROGRAMS:
            meter.programs.clear()
        meter.programs[pattern] = program
    return program


def compile_pattern(pattern: str) -> Any:
    """Return RE2's program for ``pattern``; raises Fault when RE2 refuses it."""
    if len(pattern) > MAX_CHARACTERS:
        raise Fault(f"the regular expression is longer than {MAX_CHARACTERS:,} characters")
    try:
        import re2
    except ImportError:
        raise Fault("`matches` needs the package google-re2, which is not installed") from None
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MAX_MEMORY
    try:
        return re2.compile(pattern, options)
    except UnicodeEncodeError:
        raise Fault("the regular expression contains a lone surrogate") from None
    except re2.error as error:
        raise Fault(f"the regular expression is refused: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """Return RE2's words without the part of the pattern that follows them: it may be secret."""
    reason = error.args[0] if error.args else ""
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return f"{text.partition(': ')[0]} (RE2's syntax; no look-around, no back-references)"
