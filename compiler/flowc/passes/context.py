"""What a pass gets besides the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from flowc.diagnostics import Diagnostics
from flowc.ir.model import Program


@dataclass(frozen=True, slots=True)
class Context:
    """Where passes report."""

    diagnostics: Diagnostics


Pass: TypeAlias = Callable[[Program, Context], Program]
