"""What a pass gets besides the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from flowc.ir.model import Program

if TYPE_CHECKING:
    from flowc.diagnostics import Diagnostics


@dataclass(frozen=True, slots=True)
class Context:
    """Where passes report."""

    diagnostics: Diagnostics


Pass: TypeAlias = Callable[[Program, Context], Program]
