"""What a diagnostic is, and the collection that the stages append to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SHORTEST_IN_WORDS = 4
"""Characters of a concealed text that messages are searched for: shorter ones are in any word."""


class Severity(str, Enum):
    """How bad: errors stop the compilation at the next barrier, warnings and notes never do."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Code:
    """An entry of the registry: number, title, and the severity it has unless told otherwise."""

    number: str
    title: str
    severity: Severity = Severity.ERROR


class Span(NamedTuple):
    """A place in a source file; line and column count from 1, in code points.

    ``length`` is the width of the caret run on that line (at least 1). A tuple, because the reader
    makes two for every key of every file and this is made twice as fast as a frozen dataclass.
    """

    file: str
    line: int
    column: int
    length: int = 1

    def inside(self, offset: int, length: int = 1) -> Span:
        """Return the span of ``length`` characters that begins ``offset`` after this one."""
        return Span(self.file, self.line, self.column + offset, max(1, length))


@dataclass(frozen=True, slots=True)
class Label:
    """A span with a short text that is printed beside its carets."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. ``message``: lower case, no full stop, identifiers in backticks.

    ``conceals``: texts that excerpts of the lines it marks must not show.
    """

    code: Code
    message: str
    severity: Severity
    primary: Label | None = None
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    hint: str | None = None
    conceals: tuple[str, ...] = ()


class CompileError(Exception):
    """Compilation ended with errors; the only exception of the public Python interface."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(f"{d.code.number} {d.message}" for d in self.diagnostics[:5]))


@dataclass(slots=True)
class Diagnostics:
    """Findings in the order they were made; sorting happens just before rendering."""

    found: list[Diagnostic] = field(default_factory=list)
    concealed: set[str] = field(default_factory=set)

    def conceal(self, text: str) -> None:
        """Let no finding show ``text``, whichever it is and whenever it was made."""
        if text:
            self.concealed.add(text)

    def take(self, other: Diagnostics) -> None:
        """Append what another collection found, and conceal what it conceals."""
        self.found.extend(other.found)
        self.concealed |= other.concealed

    def report(
        self,
        code: Code,
        message: str,
        at: Span | None,
        *,
        label: str = "",
        hint: str | None = None,
        secondary: Iterable[tuple[Span | None, str]] = (),
        notes: Iterable[str] = (),
        severity: Severity | None = None,
        conceals: Iterable[str] = (),
    ) -> None:
        """Append a finding; ``severity`` overrides the code's own."""
        self.found.append(
            Diagnostic(
                code=code,
                message=message,
                severity=severity or code.severity,
                primary=Label(at, label) if at is not None else None,
                secondary=tuple(Label(span, text) for span, text in secondary if span is not None),
                notes=tuple(notes),
                hint=hint,
                conceals=tuple(conceals),
            )
        )

    @property
    def has_errors(self) -> bool:
        """Whether anything found so far stops the compilation."""
        return any(d.severity is Severity.ERROR for d in self.found)

    def raise_errors(self) -> None:
        """Barrier: raise CompileError with everything found if any of it is an error."""
        if self.has_errors:
            raise CompileError(self.sorted())

    def sorted(self) -> list[Diagnostic]:
        """Return findings by file, line, column and code, each once."""
        unique = dict.fromkeys(map(self._concealing, self.found))
        return sorted(
            unique,
            key=lambda d: (
                d.primary.span if d.primary else Span("", 0, 0),
                d.code.number,
                d.message,
            ),
        )

    def _concealing(self, finding: Diagnostic) -> Diagnostic:
        if not self.concealed:
            return finding
        message = finding.message
        for text in sorted(self.concealed, key=len, reverse=True):
            message = message.replace(text, "***") if len(text) >= _SHORTEST_IN_WORDS else message
        return replace(finding, message=message, conceals=(*finding.conceals, *self.concealed))

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.found)
