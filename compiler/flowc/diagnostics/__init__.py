"""Diagnostics: codes, the model, renderers and the explanations."""

from flowc.diagnostics.model import (
    Code,
    CompileError,
    Diagnostic,
    Diagnostics,
    Label,
    Severity,
    Span,
)

__all__ = ["Code", "CompileError", "Diagnostic", "Diagnostics", "Label", "Severity", "Span"]
